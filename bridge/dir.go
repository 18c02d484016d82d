package bridge

import (
	"encoding/binary"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A directory entry on the wire, after its fuse.EntryOut if the request was READDIRPLUS; padded to 8 bytes.
const (
	direntIno     = 0  // uint64
	direntOff     = 8  // uint64, where the next one begins
	direntNameLen = 16 // uint32
	direntType    = 20 // uint32
	direntName    = 24
)

func direntSize(nameLen int) int { return (direntName + nameLen + 7) &^ 7 }

// readdir answers READDIR.
func (c *call) readdir() error {
	l, err := c.list(0)
	if err != nil {
		return err
	}
	for at := 0; at < c.n; at += l.size(at) {
		l.mend(c, l.body[at:])
	}
	return nil
}

// readdirplus answers READDIRPLUS: entries, each with what LOOKUP would say.
func (c *call) readdirplus() error {
	l, err := c.list(entrySize)
	if err != nil {
		return err
	}
	for at := 0; at < c.n; at += entrySize + l.size(at+entrySize) {
		e, _, err := view[fuse.EntryOut](l.body[at:])
		if err != nil {
			return err
		}
		*e = fuse.EntryOut{}
		if m, ino := l.mend(c, l.body[at+entrySize:]); m != nil {
			c.look(m, ino, e)
		}
	}
	return nil
}

// A listing is a part of a directory as it goes into a reply.
type listing struct {
	dir    *kern.Vnode
	body   []byte
	covers map[place]*kern.Mount
}

// size is the length of the entry at a place in the body.
func (l *listing) size(at int) int {
	return direntSize(int(binary.NativeEndian.Uint32(l.body[at+direntNameLen:])))
}

// list fills the reply's body with entries, each after a gap, and sets their numbers as the mount has them.
func (c *call) list(gap int) (*listing, error) {
	in, _, err := view[fuse.ReadIn](c.in)
	if err != nil {
		return nil, err
	}
	dir, err := c.node()
	if err != nil {
		return nil, err
	}
	body := c.body(int(min(in.Size, maxTransfer)))
	n, tooLong := 0, false
	err = c.b.door.ReadDir(c, vfs.Root, dir, vfs.Cookie(in.Offset), func(e vfs.DirEntry) bool {
		size := gap + direntSize(len(e.Name))
		if n+size > len(body) {
			tooLong = n == 0
			return false
		}
		d := body[n+gap : n+size]
		binary.NativeEndian.PutUint64(d[direntIno:], uint64(e.Ino))
		binary.NativeEndian.PutUint64(d[direntOff:], uint64(e.Next))
		binary.NativeEndian.PutUint32(d[direntNameLen:], uint32(len(e.Name)))
		binary.NativeEndian.PutUint32(d[direntType:], hostType(e.Kind))
		clear(d[direntName+copy(d[direntName:], e.Name):])
		n += size
		return true
	})
	if err == nil && tooLong {
		err = syscall.EINVAL
	}
	if err != nil {
		return nil, err
	}
	c.n = n
	return &listing{dir: dir, body: body, covers: c.b.covers()}, nil
}

func hostType(k vfs.Kind) uint32 {
	if k == vfs.KindWhiteout {
		k = vfs.KindChar
	}
	return uint32(k)
}

// covers maps the directories on which something is mounted to what is there; nil if there are none.
func (b *Bridge) covers() map[place]*kern.Mount {
	var covers map[place]*kern.Mount
	for _, info := range b.kernel.Mounts() {
		if at := info.Mount.At(); at != nil {
			if covers == nil {
				covers = make(map[place]*kern.Mount)
			}
			covers[place{at.Mount().Index(), at.Ino()}] = info.Mount
		}
	}
	return covers
}

// mend turns an entry's inode number into the one that stat(2) shows. It returns the file's mount and inode number, or no
// mount for "." and "..".
func (l *listing) mend(c *call, d []byte) (m *kern.Mount, ino vfs.Ino) {
	m, ino = l.dir.Mount(), vfs.Ino(binary.NativeEndian.Uint64(d[direntIno:]))
	set := func(m *kern.Mount, ino vfs.Ino) {
		binary.NativeEndian.PutUint64(d[direntIno:], c.b.nodes.ino(m.Index(), ino))
	}
	switch string(d[direntName:][:binary.NativeEndian.Uint32(d[direntNameLen:])]) {
	case ".":
		set(m, ino)
		return nil, 0
	case "..":
		switch {
		case l.dir == c.b.nodes.root: // what lies above is not the host's business
			set(m, l.dir.Ino())
		case l.dir.Ino() != m.FS().Root():
			set(m, ino)
		default:
			if up, err := c.b.door.Lookup(c, vfs.Root, l.dir, ".."); err == nil {
				set(up.Mount(), up.Ino())
				up.Unref()
			}
		}
		return nil, 0
	}
	for {
		over := l.covers[place{m.Index(), ino}]
		if over == nil {
			break
		}
		m, ino = over, over.FS().Root()
	}
	set(m, ino)
	return m, ino
}

// look fills in what LOOKUP of an entry would answer. If it cannot, the kernel will ask: an entry without a node number
// says nothing.
func (c *call) look(m *kern.Mount, ino vfs.Ino, e *fuse.EntryOut) {
	v, err := c.b.door.Get(c, m, ino)
	if err != nil {
		return
	}
	if err := c.fillEntry(e, v); err != nil {
		*e = fuse.EntryOut{}
	}
}
