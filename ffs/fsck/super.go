package fsck

import "rump/ffs/ondisk"

// checkSuper looks at the superblock's fields that do not decide whether the volume can be read at all.
func (c *checker) checkSuper() {
	s := c.s
	if f := s.UnknownFlags(); f != 0 {
		c.note(Hint, 0, "UNKNOWN FLAGS=0x%08x IN SUPERBLOCK", f)
		c.ask("CLEAR")
	}
	if s.Optim != ondisk.OptimTime && s.Optim != ondisk.OptimSpace {
		c.note(Hint, 0, "UNDEFINED OPTIMIZATION IN SUPERBLOCK")
		c.ask("SET TO DEFAULT")
	}
	if s.MinFree < 0 || s.MinFree > 99 {
		c.note(Hint, 0, "IMPOSSIBLE MINFREE=%d IN SUPERBLOCK", s.MinFree)
		c.ask("SET TO DEFAULT")
	}
	if s.OldInodes() {
		return
	}
	limit, link := uint64(s.MaxSize()), int32(60*s.Version)
	if s.MaxFileSize > limit && s.Version == 2 {
		c.note(Hint, 0, "INCORRECT MAXFILESIZE=%d IN SUPERBLOCK", s.MaxFileSize)
		c.ask("FIX")
	}
	if s.MaxSymlink != link && !s.Apple {
		c.note(Hint, 0, "INCORRECT MAXSYMLINKLEN=%d IN SUPERBLOCK", s.MaxSymlink)
		c.ask("FIX")
	}
	if !s.HashOK() {
		c.note(Counts, 0, "SUPERBLOCK CHECK-HASH MISMATCH")
		c.ask("FIX")
	}
}
