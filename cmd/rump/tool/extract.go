package tool

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"rump/rumpfs/vfs"
)

// An extractor is an archive that is being unpacked.
type extractor struct {
	*archiver
	buf  []byte
	dirs []dirLater
}

// A dirLater is a directory that gets its attributes in the end, so that what is made in it does not change them.
type dirLater struct {
	path string
	set  vfs.SetAttr
}

// extract unpacks the members.
func (a *archiver) extract(ctx context.Context) error {
	x := &extractor{archiver: a, buf: make([]byte, copyBuffer)}
	err := a.members(ctx, func(h *tar.Header, r *tar.Reader) error { return x.member(ctx, h, r) })
	for i := len(x.dirs) - 1; i >= 0 && ctx.Err() == nil; i-- {
		if serr := a.env.FS.SetAttr(ctx, x.dirs[i].path, false, x.dirs[i].set); serr != nil {
			a.env.Warn(x.dirs[i].path, serr)
		}
	}
	return cmpOr(err, a.env.Result())
}

// target is where a member comes to; "" if it must not be.
func (x *extractor) target(name string) string {
	if !x.rooted {
		name = strings.TrimLeft(name, "/")
	}
	clean := strings.TrimRight(name, "/")
	for part := range strings.SplitSeq(clean, "/") {
		if part == ".." && !x.rooted {
			return ""
		}
	}
	if clean == "" {
		clean = "."
	}
	return x.in(clean)
}

// member unpacks one member. The error ends everything.
func (x *extractor) member(ctx context.Context, h *tar.Header, r *tar.Reader) error {
	kind, ok := kindOf(h)
	path := x.target(h.Name)
	switch {
	case !ok:
		x.env.Warnf("%s: a member of type %q, left out", h.Name, h.Typeflag)
		return nil
	case path == "" || strings.IndexByte(h.Name, 0) >= 0:
		x.env.Warnf("%q: leads out of the place to unpack in, left out", h.Name)
		return nil
	case isSparse(h) && h.Size > sparseMax:
		x.env.Warnf("%s: a file of %d bytes, almost all of them holes, left out", h.Name, h.Size)
		return nil
	case x.stdout:
		if kind != vfs.KindRegular {
			return nil
		}
		_, err := io.CopyBuffer(struct{ io.Writer }{x.env.Stdout}, r, x.buf)
		return err
	}
	if kind == vfs.KindDir && base(path) == "." { // the place itself
		x.dirs = append(x.dirs, dirLater{path, x.attributes(h)})
		return nil
	}
	err := x.make(ctx, h, r, path, kind)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errKept):
		return nil
	case err != nil:
		x.env.Warn(path, err)
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS) || errors.Is(err, errArchive) {
			return x.env.Result()
		}
		return nil
	case x.verbose:
		fmt.Fprintln(x.log, h.Name)
	}
	return nil
}

// sparseMax is how large a file of holes may be, bytes: an archive of a few bytes must not keep anybody busy for days.
const sparseMax = 1 << 40

// isSparse reports whether an archive has fewer bytes of a member than the member has.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

var (
	errKept    = errors.New("is there already")
	errArchive = errors.New("the archive cannot be read on")
)

// make makes what the member is, and the directories above as needed.
func (x *extractor) make(ctx context.Context, h *tar.Header, r *tar.Reader, path string, kind vfs.Kind) error {
	if err := x.clear(ctx, h, path, kind); err != nil {
		return err
	}
	err := x.create(ctx, h, r, path, kind)
	if isMissing(err) {
		if perr := makeParents(ctx, x.env.FS, parent(path)); perr != nil {
			return perr
		}
		err = x.create(ctx, h, r, path, kind)
	}
	return err
}

// clear removes what is in the way.
func (x *extractor) clear(ctx context.Context, h *tar.Header, path string, kind vfs.Kind) error {
	st, err := x.env.FS.Stat(ctx, path, false)
	switch {
	case isMissing(err) || errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil:
		return err
	case st.IsDir() && kind == vfs.KindDir:
		return nil
	case x.keep, x.newer && st.Mtime.Sec >= h.ModTime.Unix():
		return errKept
	case st.IsDir():
		return x.env.FS.Rmdir(ctx, path)
	}
	if h.Typeflag == tar.TypeLink {
		if old, err := x.env.FS.Stat(ctx, x.target(h.Linkname), false); err == nil && old.file() == st.file() {
			return errKept
		}
	}
	return x.env.FS.Remove(ctx, path)
}

// create makes the node with its attributes.
func (x *extractor) create(ctx context.Context, h *tar.Header, r *tar.Reader, path string, kind vfs.Kind) error {
	fs := x.env.FS
	set := x.attributes(h)
	switch {
	case h.Typeflag == tar.TypeLink:
		old := x.target(h.Linkname)
		if old == "" {
			return fmt.Errorf("link to %s, which leads out of the place to unpack in", h.Linkname)
		}
		return fs.Link(ctx, old, path)
	case kind == vfs.KindRegular:
		return x.file(ctx, r, path, set)
	}
	err := fs.Make(ctx, path, vfs.CreateAttr{
		Kind: kind, Mode: uint32(h.Mode) & 0o777, Target: h.Linkname, Rdev: vfs.Dev{Major: uint32(h.Devmajor), Minor: uint32(h.Devminor)},
	})
	switch {
	case kind == vfs.KindDir && isExist(err):
	case err != nil:
		return err
	case kind == vfs.KindSymlink:
		set.Mask &^= vfs.SetMode
	}
	if kind == vfs.KindDir {
		x.dirs = append(x.dirs, dirLater{path, set})
		return fs.SetAttr(ctx, path, false, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o700})
	}
	return fs.SetAttr(ctx, path, false, set)
}

// attributes are those that a member gets.
func (x *extractor) attributes(h *tar.Header) vfs.SetAttr {
	at := func(t time.Time) vfs.Time { return vfs.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond())} }
	set := vfs.SetAttr{Mask: vfs.SetMode, Mode: uint32(h.Mode) & allModes}
	if !x.exact {
		set.Mode &= 0o777 &^ fileMask
	}
	if x.owners {
		set.Mask |= vfs.SetUID | vfs.SetGID
		set.UID, set.GID = uint32(h.Uid), uint32(h.Gid)
	}
	if x.noTimes {
		return set
	}
	set.Mask |= vfs.SetAtime | vfs.SetMtime
	set.Mtime, set.Atime = at(h.ModTime), at(h.ModTime)
	if !h.AccessTime.IsZero() {
		set.Atime = at(h.AccessTime)
	}
	return set
}

// file unpacks content; zeros become holes.
func (x *extractor) file(ctx context.Context, r io.Reader, path string, set vfs.SetAttr) error {
	f, err := x.env.FS.Open(ctx, path, Write|Create|Exclusive|NoFollow, 0o600)
	if err != nil {
		return err
	}
	done, hole := int64(0), false
	for err == nil && ctx.Err() == nil {
		var n int
		n, err = io.ReadFull(r, x.buf)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			err = fmt.Errorf("%w: %w", errArchive, err)
			break
		}
		if n > 0 {
			if werr := write(ctx, f, x.buf[:n], true); werr != nil {
				err = werr
				break
			}
			done += int64(n)
			hole = isZero(x.buf[n-min(n, len(zeros)) : n])
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err == nil && hole {
		set.Mask |= vfs.SetSize
		set.Size = done
	}
	return cmpOr(ctx.Err(), err, f.SetAttr(ctx, set), f.Close())
}
