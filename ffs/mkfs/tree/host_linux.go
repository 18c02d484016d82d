package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"rump/ffs/ondisk"
)

const (
	pathMax    = 4096 // no system call takes a longer path
	seekData   = 3    // SEEK_DATA
	seekHole   = 4    // SEEK_HOLE
	maxExtents = 1 << 14
	minHole    = 4096 // smaller ones are not looked for
)

// A hostDir is an open directory of the host.
type hostDir struct {
	fd     int
	root   string // of the layer
	path   string // in the layer
	prefix string // what goes in front of a name in system calls
}

// openHostDir opens directory path of the layer at root, however long the path is.
func openHostDir(root, path string) (*hostDir, error) {
	d := &hostDir{fd: -1, root: root, path: path}
	full := d.full("")
	const flags = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_CLOEXEC
	if len(full)+2+ondisk.MaxNameLen < pathMax {
		fd, err := openAt(-1, full, flags)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: full, Err: err}
		}
		d.fd, d.prefix = fd, full+"/"
		return d, nil
	}
	fd, err := openAt(-1, root, flags)
	for rest := path; err == nil && rest != ""; {
		step := rest
		if len(step) > pathMax/2 {
			step = step[:strings.LastIndexByte(step[:pathMax/2], '/')]
		}
		var next int
		next, err = openAt(fd, step, flags)
		syscall.Close(fd)
		fd = next
		rest = strings.TrimPrefix(rest[len(step):], "/")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: full, Err: err}
	}
	d.fd, d.prefix = fd, "/proc/self/fd/"+strconv.Itoa(fd)+"/"
	return d, nil
}

// openAt is open(2), of a path below directory fd unless that is -1.
func openAt(fd int, path string, flags int) (int, error) {
	for {
		var n int
		var err error
		if fd < 0 {
			n, err = syscall.Open(path, flags, 0)
		} else {
			n, err = syscall.Openat(fd, path, flags, 0)
		}
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// full is a path as messages have it.
func (d *hostDir) full(name string) string {
	p := d.root
	for _, s := range []string{d.path, name} {
		if s != "" {
			p = strings.TrimSuffix(p, "/") + "/" + s
		}
	}
	return p
}

func (d *hostDir) close() { syscall.Close(d.fd) }

// names lists the directory in the host's order, by way of a buffer.
func (d *hostDir) names(buf []byte, each func(name []byte) (more bool)) error {
	for {
		n, err := syscall.ReadDirent(d.fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "readdir", Path: d.full(""), Err: err}
		}
		if n <= 0 {
			return nil
		}
		for b := buf[:n]; len(b) > 0; {
			var name []byte
			if name, b = direntName(b); name != nil && !each(name) {
				return nil
			}
		}
	}
}

// direntName is the name of the first of several struct linux_dirent64, nil for one that is none, and the others.
func direntName(b []byte) (name, rest []byte) {
	const offReclen, offName = 16, 19
	if len(b) < offName {
		return nil, nil
	}
	n := int(b[offReclen]) | int(b[offReclen+1])<<8
	if n < offName || n > len(b) {
		return nil, nil
	}
	name = b[offName:n]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if s := string(name); s == "." || s == ".." || s == "" {
		name = nil
	}
	return name, b[n:]
}

// direntBuffer is how much of a directory is read at once, bytes.
const direntBuffer = 32 << 10

// hostLister reads entries of the host. Not for two goroutines.
type hostLister struct {
	layer  int
	xattrs bool
	skip   func(dev, ino uint64) bool
	link   []byte // buffer for targets
	names  []byte // buffer for directories
}

var errSkipped = errors.New("left out")

// entry fills e with what name in d is. errSkipped: it is not to be in the tree; ENOENT: it went meanwhile.
func (h *hostLister) entry(d *hostDir, name string, e *Entry) error {
	path := d.prefix + name
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: d.full(name), Err: err}
	}
	if h.skip != nil && h.skip(uint64(st.Dev), st.Ino) {
		return errSkipped
	}
	fromStat(&st, e)
	e.Name = append(e.Name[:0], name...)
	if st.Nlink > 1 && !e.IsDir() {
		e.Link = [2]uint64{uint64(st.Dev), st.Ino}
	}
	switch {
	case e.IsSymlink():
		return h.readLink(d, name, e)
	case e.IsRegular():
		e.Where.Layer = h.layer
		if st.Blocks*512 < st.Size && st.Size >= minHole {
			if err := findData(path, e); err != nil {
				return &fs.PathError{Op: "open", Path: d.full(name), Err: err}
			}
		}
	}
	if h.xattrs && (e.IsRegular() || e.IsDir()) {
		return readXattrs(path, d.full(name), e)
	}
	return nil
}

// fromStat fills e with attributes.
func fromStat(st *syscall.Stat_t, e *Entry) {
	name := e.Name
	*e = Entry{
		Name: name, Mode: uint16(st.Mode), UID: st.Uid, GID: st.Gid,
		Mtime: ondisk.Time{Sec: st.Mtim.Sec, Nsec: int32(st.Mtim.Nsec)},
		Atime: ondisk.Time{Sec: st.Atim.Sec, Nsec: int32(st.Atim.Nsec)},
		Ctime: ondisk.Time{Sec: st.Ctim.Sec, Nsec: int32(st.Ctim.Nsec)},
	}
	e.Birth = e.Mtime
	if e.IsRegular() {
		e.Size = st.Size
	}
	if e.IsDevice() {
		dev := uint64(st.Rdev)
		e.Major = uint32(dev>>8&0xfff | dev>>32&^uint64(0xfff))
		e.Minor = uint32(dev&0xff | dev>>12&0xffffff00)
	}
}

func (h *hostLister) readLink(d *hostDir, name string, e *Entry) error {
	if h.link == nil {
		h.link = make([]byte, ondisk.MaxLinkLen+1)
	}
	n, err := syscall.Readlink(d.prefix+name, h.link)
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: d.full(name), Err: err}
	}
	if n > ondisk.MaxLinkLen {
		return fmt.Errorf("%s: target of the symbolic link is longer than %d bytes", d.full(name), ondisk.MaxLinkLen)
	}
	e.Target = h.link[:n]
	return nil
}

// findData finds where a file that seems to have holes has data.
func findData(path string, e *Entry) error {
	fd, err := openAt(-1, path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var data []Extent
	gap := int64(minHole)
	for off := int64(0); off < e.Size; {
		lo, err := syscall.Seek(fd, off, seekData)
		if err == syscall.ENXIO {
			break
		}
		if err != nil {
			return nil // the host does not tell: data everywhere
		}
		hi, err := syscall.Seek(fd, lo, seekHole)
		if err != nil || hi <= lo {
			return nil
		}
		hi = min(hi, e.Size)
		if lo >= hi {
			break
		}
		data = addExtent(data, Extent{lo, hi - lo}, gap)
		if len(data) > maxExtents {
			gap *= 2
			data = mergeExtents(data, gap)
		}
		off = hi
	}
	e.Sparse, e.Data = true, data
	return nil
}

// addExtent appends x, or lengthens the last one over a gap that is too small.
func addExtent(data []Extent, x Extent, gap int64) []Extent {
	if n := len(data); n > 0 && x.Off-(data[n-1].Off+data[n-1].Len) < gap {
		data[n-1].Len = x.Off + x.Len - data[n-1].Off
		return data
	}
	return append(data, x)
}

// mergeExtents forgets gaps that are too small.
func mergeExtents(data []Extent, gap int64) []Extent {
	out := data[:0]
	for _, x := range data {
		out = addExtent(out, x, gap)
	}
	return out
}

// readXattrs reads the attributes in the name spaces user and trusted; the second is the system's on a BSD.
func readXattrs(path, shown string, e *Entry) error {
	n, err := syscall.Listxattr(path, nil)
	if err != nil || n == 0 {
		return nil // none, or none on that host file system
	}
	list := make([]byte, n+1024)
	if n, err = syscall.Listxattr(path, list); err != nil {
		return &fs.PathError{Op: "listxattr", Path: shown, Err: err}
	}
	for _, full := range strings.Split(string(list[:n]), "\x00") {
		space, name, _ := strings.Cut(full, ".")
		x := Xattr{Name: []byte(name)}
		switch space {
		case "user":
			x.Namespace = ondisk.NamespaceUser
		case "trusted":
			x.Namespace = ondisk.NamespaceSystem
		default:
			continue
		}
		if x.Value, err = readXattr(path, full); err != nil {
			return &fs.PathError{Op: "getxattr " + full, Path: shown, Err: err}
		}
		e.Xattrs = append(e.Xattrs, x)
	}
	sortXattrs(e.Xattrs)
	return nil
}

func readXattr(path, name string) ([]byte, error) {
	b := make([]byte, 1024)
	for {
		n, err := syscall.Getxattr(path, name, b)
		if err == syscall.ERANGE && len(b) < 1<<20 {
			b = make([]byte, 4*len(b))
			continue
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}

func sortXattrs(x []Xattr) {
	slices.SortFunc(x, func(a, b Xattr) int {
		if a.Namespace != b.Namespace {
			return int(a.Namespace) - int(b.Namespace)
		}
		return bytes.Compare(a.Name, b.Name)
	})
}

// isGone reports whether a file was removed between its listing and a look at it.
func isGone(err error) bool { return errors.Is(err, os.ErrNotExist) }
