package fsck

import (
	"bytes"
	"fmt"

	"rump/ffs/ondisk"
)

// maxUnread is how many transfers may fail before a disk is given up.
const maxUnread = 100

// readAt fills b from byte offset off; both are whole sectors. What cannot be read stands as zeros if the user wants to go on; the sectors there
// are never written unless something else than zeros has to be in them.
func (c *checker) readAt(b []byte, off int64) {
	if c.stop == nil {
		_, err := c.dev.ReadAt(b, off)
		if err == nil {
			return
		}
		c.transferFailed("READ", off, err)
	}
	clear(b)
	if c.stop != nil {
		return
	}
	c.print("THE FOLLOWING DISK SECTORS COULD NOT BE READ:")
	sector := c.dev.SectorSize()
	for i := 0; i < len(b); i += sector {
		if _, err := c.dev.ReadAt(b[i:i+sector], off+int64(i)); err != nil {
			clear(b[i : i+sector])
			c.print(" %d,", (off+int64(i))/ondisk.SectorSize)
		}
	}
	c.print("\n")
}

// transferFailed tells of an error of the device and asks whether to go on all the same.
func (c *checker) transferFailed(what string, off int64, err error) {
	c.headline("\n")
	c.fatal(Damage, 0, "CANNOT %s: BLK %d", what, off/ondisk.SectorSize)
	goOn := c.ask(questionGoOn)
	c.leave()
	if c.unread++; c.stop == nil && (!goOn || c.unread > maxUnread) {
		c.stop = fmt.Errorf("sector %d: %w", off/ondisk.SectorSize, err)
	}
}

// read reads n fragments at f.
func (c *checker) read(f ondisk.Frag, n int) []byte {
	b := make([]byte, n<<c.s.FShift)
	c.readAt(b, c.s.FragOffset(f))
	return b
}

// put writes b at byte offset off, both whole sectors. All writes come by here.
func (c *checker) put(b []byte, off int64) {
	if c.stop != nil || c.mode == No {
		return
	}
	c.begin()
	if _, err := c.dev.WriteAt(b, off); err != nil {
		c.transferFailed("WRITE", off, err)
		return
	}
	c.report.Modified = true
}

// flush waits until all that was written is durable.
func (c *checker) flush() {
	if c.stop != nil || !c.report.Modified {
		return
	}
	if err := c.dev.Flush(); err != nil {
		c.stop = fmt.Errorf("flush: %w", err)
	}
}

// A block is a piece of the volume in memory: change b, then save it.
type block struct {
	off    int64
	b, was []byte
}

// block reads n fragments at f to be changed.
func (c *checker) block(f ondisk.Frag, n int) *block {
	b := c.read(f, n)
	return &block{c.s.FragOffset(f), b, bytes.Clone(b)}
}

// save writes the sectors of bl that have changed.
func (c *checker) save(bl *block) {
	sector := c.dev.SectorSize()
	differs := func(i int) bool { return !bytes.Equal(bl.b[i:i+sector], bl.was[i:i+sector]) }
	for i := 0; i < len(bl.b); i += sector {
		if !differs(i) {
			continue
		}
		from := i
		for i += sector; i < len(bl.b) && differs(i); i += sector {
		}
		c.put(bl.b[from:i], bl.off+int64(from))
	}
	copy(bl.was, bl.b)
}

// patch changes len(b) bytes at byte offset off, which need not be whole sectors.
func (c *checker) patch(b []byte, off int64) {
	sector := int64(c.dev.SectorSize())
	from, end := off&^(sector-1), (off+int64(len(b))+sector-1)&^(sector-1)
	area := make([]byte, end-from)
	c.readAt(area, from)
	bl := &block{from, area, bytes.Clone(area)}
	copy(bl.b[off-from:], b)
	c.save(bl)
}

// inodeBlock is the block of inodes that was used last.
type inodeBlock struct {
	at ondisk.Frag
	bl *block
}

func (c *checker) inodeBytes(ino ondisk.Ino) []byte {
	if at := c.s.InoToFrag(ino); c.inodes.bl == nil || c.inodes.at != at {
		c.inodes = inodeBlock{at, c.block(at, int(c.s.Frag))}
	}
	i := c.s.InoInBlock(ino)
	return c.inodes.bl.b[i : i+c.s.InodeSize()]
}

// inode reads an inode; ino is valid.
func (c *checker) inode(ino ondisk.Ino) *ondisk.Inode {
	d := new(ondisk.Inode)
	ondisk.DecodeInode(c.s, c.inodeBytes(ino), d)
	return d
}

// putInode writes an inode.
func (c *checker) putInode(ino ondisk.Ino, d *ondisk.Inode) {
	ondisk.EncodeInode(c.s, d, c.inodeBytes(ino))
	c.save(c.inodes.bl)
}

// clearInode makes an inode one that is not in use. Its generation stays, so that old handles of files stay stale.
func (c *checker) clearInode(ino ondisk.Ino) {
	gen := c.inode(ino).Gen
	clear(c.inodeBytes(ino))
	c.putInode(ino, &ondisk.Inode{Gen: gen})
}
