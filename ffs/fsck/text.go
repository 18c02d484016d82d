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
	d := c.inode(ino)
	owner := ""
	if c.o.Owner != nil {
		owner = c.o.Owner(d.UID)
	}
	if owner == "" {
		owner = fmt.Sprint(d.UID)
	}
	t := time.Unix(d.Mtime.Sec, 0).In(c.o.Zone).Format("Jan _2 15:04 2006")
	return s + fmt.Sprintf(" OWNER=%s MODE=%o\n%sSIZE=%d MTIME=%s  ", owner, d.Mode, c.prefix(), uint64(d.Size), t)
}

// nameError reports what is wrong with ino, which path leads to. Preen ends with it.
func (c *checker) nameError(k Kind, ino ondisk.Ino, path, what string) {
	kind := "NAME"
	if c.s.ValidIno(ino) {
		if d := c.inode(ino); knownType(d.Mode & ondisk.ModeType) {
			kind = kindName(d)
		}
	}
	text := what + " " + c.inodeText(ino)
	c.record(k, ino, text)
	c.say("%s\n", text)
	c.print("%s=%s\n", kind, path)
	c.giveUp()
}

// dirError reports what is wrong with a directory.
func (c *checker) dirError(k Kind, ino ondisk.Ino, what string) {
	c.nameError(k, ino, c.path(ino), what)
}

func kindName(d *ondisk.Inode) string {
	if d.IsDir() {
		return "DIR"
	}
	return "FILE"
}
