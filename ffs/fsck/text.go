package fsck

import (
	"fmt"
	"time"

	"rump/ffs/ondisk"
)

// inodeText describes an inode as all messages do: number, owner, mode, size, time.
func (c *checker) inodeText(ino ondisk.Ino) string {
	s := fmt.Sprintf(" I=%d ", ino)
	if !c.s.ValidIno(ino) {
		return s
	}
	d, err := c.inode(ino)
	if err != nil {
		return s
	}
	t := time.Unix(d.Mtime.Sec, 0).In(c.o.Zone).Format("Jan _2 15:04 2006")
	return s + fmt.Sprintf(" OWNER=%d MODE=%o\nSIZE=%d MTIME=%s  ", d.UID, d.Mode, uint64(d.Size), t)
}

// fileText describes ino, which has an entry in directory cwd, with its path.
func (c *checker) fileText(cwd, ino ondisk.Ino) string {
	path := c.path(cwd, ino)
	s := c.inodeText(ino) + "\n"
	if c.s.ValidIno(ino) {
		if d, err := c.inode(ino); err == nil && knownType(d.Mode&ondisk.ModeType) {
			return s + kindName(d) + "=" + path + "\n"
		}
	}
	return s + "NAME=" + path + "\n"
}

func kindName(d *ondisk.Inode) string {
	if d.IsDir() {
		return "DIR"
	}
	return "FILE"
}
