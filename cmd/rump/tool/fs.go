// Package tool is the file tools of a Unix (ls, cat, cp, mkdir, ...) for name spaces that the host's kernel knows nothing
// of: an image, a rump server. Each tool is a struct whose tags are its options, and whose Run does the work on an FS.
package tool

import (
	"context"
	"strings"

	"rump/rumpfs/vfs"
)

// An FS is a name space as a program in it sees it. A path is relative to the current directory of the program unless it
// begins with a slash; symbolic links in it are followed, but the last component only as each method says. Errors are, or
// unwrap to, numbers of the host (syscall.ENOENT, ...) and do not repeat the path.
type FS interface {
	// Stat describes what a path stands for; with follow, what a symbolic link at its end leads to.
	Stat(ctx context.Context, path string, follow bool) (Stat, error)

	// ReadDir returns the entries of a directory in the order that they lie there, "." and ".." too if there are such. A name
	// may be anything that a disk can hold: see BadName.
	ReadDir(ctx context.Context, path string) ([]Entry, error)

	// Readlink returns the target of a symbolic link.
	Readlink(ctx context.Context, path string) (string, error)

	// Open opens a file, following symbolic links, unless flag has NoFollow: then ELOOP for one.
	Open(ctx context.Context, path string, flag OpenFlag, mode uint32) (File, error)

	// Make makes a node that is no regular file. The owner in a means nothing: it is the program's user. The mode is subject to the
	// file-mode mask.
	Make(ctx context.Context, path string, a vfs.CreateAttr) error

	// Link gives what old stands for one more name; a symbolic link is not followed.
	Link(ctx context.Context, old, name string) error

	// Remove takes away a name of what is no directory, Rmdir that of an empty directory.
	Remove(ctx context.Context, path string) error
	Rmdir(ctx context.Context, path string) error

	// Rename moves a name, in place of what has the new one.
	Rename(ctx context.Context, old, name string) error

	// SetAttr changes the attributes in the mask. What the FS cannot set (EOPNOTSUPP) leaves the others set or not.
	SetAttr(ctx context.Context, path string, follow bool, set vfs.SetAttr) error

	// Mounts describes the file systems of the name space; the one that path lies in, if that is not empty.
	Mounts(ctx context.Context, path string) ([]Mount, error)
}

// OpenFlag says how a file is opened.
type OpenFlag int

// The flags.
const (
	Read OpenFlag = 1 << iota
	Write
	Append    // each write goes to the end
	Create    // make it if it is not there
	Exclusive // with Create: EEXIST if it is there
	Truncate  // throw the content away
	NoFollow
)

// A File is an open file.
type File interface {
	Stat(ctx context.Context) (Stat, error)

	// Read reads the next bytes; 0 and io.EOF at the end.
	Read(ctx context.Context, p []byte) (int, error)

	// Write writes all of p at the offset, or says how much and why not more.
	Write(ctx context.Context, p []byte) (int, error)

	// Seek moves the offset; whence is that of package io, or SeekData or SeekHole.
	Seek(ctx context.Context, off int64, whence int) (int64, error)

	// SetAttr changes attributes, the size among them.
	SetAttr(ctx context.Context, set vfs.SetAttr) error

	Close() error
}

// More values of whence: to the next byte that is not in a hole (ENXIO: there is none), or to the next hole. Who has no notion
// of holes answers EINVAL.
const (
	SeekData = 3
	SeekHole = 4
)

// A Stat is the attributes of a file and the number of the file system that it lies in.
type Stat struct {
	vfs.Attr
	Dev uint64
}

// IsDir reports whether it is a directory's.
func (s *Stat) IsDir() bool { return s.Kind == vfs.KindDir }

// isDevice reports whether it is a device node's.
func (s *Stat) isDevice() bool { return s.Kind == vfs.KindChar || s.Kind == vfs.KindBlock }

// file names the file behind a Stat.
func (s *Stat) file() fileID { return fileID{s.Dev, s.Ino} }

type fileID struct {
	dev uint64
	ino vfs.Ino
}

// An Entry is a name in a directory. Kind may be KindNone: not known.
type Entry struct {
	Name string
	Kind vfs.Kind
}

func (e *Entry) isDot() bool { return e.Name == "." || e.Name == ".." }

// A Mount describes a file system.
type Mount struct {
	Type, From, On string
	ReadOnly       bool
	Local          bool
	BlockSize      int64 // preferred transfer, bytes
	FragSize       int64 // unit of the counts, bytes
	Blocks, Free   uint64
	Avail          int64 // may be negative
	Files, Ifree   uint64
	FSID           [2]uint32
	NameMax        uint32
}

// BadName reports whether a directory's entry has a name that no path can hold: one with a slash or a NUL in it, or an empty one.
func BadName(name string) bool { return name == "" || strings.ContainsAny(name, "/\x00") }
