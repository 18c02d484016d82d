package resize

import (
	"syscall"

	"rump/ffs/ondisk"
)

// checkPlace says whether inode ino can have n fragments at f; on a clean volume it can.
func (v *volume) checkPlace(ino ondisk.Ino, f ondisk.Frag, n int) error {
	if !v.isData(f, n) {
		return refuse(syscall.EINVAL, "inode %d: its block %d cannot be there; run fsck -f", ino, f)
	}
	return nil
}

// hasBlocks reports whether the pointers of an inode lead to blocks.
func hasBlocks(s *ondisk.Super, in *ondisk.Inode) bool {
	return !in.IsDevice() && !s.IsShortLink(in)
}

// eachDirect calls fn with every pointer that the inode itself has to data, to change it if it likes.
func eachDirect(s *ondisk.Super, in *ondisk.Inode, fn func(f *ondisk.Frag, n int) error) error {
	if hasBlocks(s, in) {
		for i := range in.DB {
			n := s.FragsOf(int64(s.BlockSizeOf(in.Size, ondisk.Block(i))))
			if in.DB[i] == 0 {
				continue
			}
			if n == 0 {
				return syscall.EINVAL // behind the end of the file
			}
			if err := fn(&in.DB[i], n); err != nil {
				return err
			}
		}
	}
	for i := range in.ExtB {
		n := s.FragsOf(int64(s.BlockSizeOf(int64(in.ExtSize), ondisk.Block(i))))
		if in.ExtB[i] == 0 || n == 0 {
			continue
		}
		if err := fn(&in.ExtB[i], n); err != nil {
			return err
		}
	}
	return nil
}
