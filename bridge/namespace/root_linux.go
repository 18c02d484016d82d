package namespace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Directory makes sure that the directory path exists in this mount name space, and touches nothing outside. If the host
// has none and lets none be made in the name space, the root becomes a file system in memory into which everything of
// the old root is bound. path is absolute and clean, directly under the root in that case.
func Directory(path string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return &Error{What: "cannot cut the mounts off from the host's", Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mount", Path: path, Err: unix.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case filepath.Dir(path) != "/":
		return err
	}
	return newRoot(filepath.Base(path))
}

// newRoot replaces the root by one that has the directory extra too.
func newRoot(extra string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rump-root-")
	if err != nil {
		return err
	}
	defer os.Remove(dir) // gone from sight by then if all went well, and still at its place in the bound tree
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=64k"); err != nil {
		return &Error{What: "cannot mount a root in memory", Err: err}
	}
	if err := fillRoot(dir, extra); err != nil {
		return errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}
	// The old root is stacked on the new one and taken off again.
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return errors.Join(&Error{What: "cannot change the root", Err: err}, unix.Chdir(cwd))
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return &Error{What: "cannot take the old root off", Err: err}
	}
	return os.Chdir(cwd)
}

// fillRoot binds everything at the root into dir and makes the directory extra.
func fillRoot(dir, extra string) error {
	if err := unix.Mount("", dir, "", unix.MS_UNBINDABLE, ""); err != nil { // else it would be bound into itself
		return err
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := bind(filepath.Join("/", e.Name()), filepath.Join(dir, e.Name()), e.Type()); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(dir, extra), 0o755)
}

// bind makes to what from is: the link for a link, an empty place with from bound on it for all else.
func bind(from, to string, mode fs.FileMode) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case mode.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	default:
		f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		f.Close()
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		if strings.HasPrefix(from, "/.") { // a file of no use to anybody
			return nil
		}
		return &fs.PathError{Op: "bind", Path: from, Err: err}
	}
	return nil
}
