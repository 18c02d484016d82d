package rootfs

import "rump/rumpfs/vfs"

// NetBSD's rumpfs does not count: a directory or a device is one block of 512 bytes, a directory has two links whatever
// lies in it, and the file system is two blocks, all of them used. Programs that print what a server told them agree with
// transcripts of genuine ones then.

const classicBlock = 512

// classicStatfs is the space of any such file system.
var classicStatfs = vfs.Statfs{BlockSize: classicBlock, FragSize: classicBlock, Blocks: 2, NameMax: 255, From: "rumpfs"}

// makeClassic changes what is told of a node.
func makeClassic(a *vfs.Attr) {
	switch a.Kind {
	case vfs.KindDir:
		if a.Nlink > 0 {
			a.Nlink = 2
		}
		fallthrough
	case vfs.KindChar, vfs.KindBlock:
		a.Size = classicBlock
		fallthrough
	case vfs.KindSymlink, vfs.KindFifo, vfs.KindSocket:
		a.Blocks, a.BlockSize = 1, classicBlock
	}
}
