package ondisk

import "fmt"

// flagsKnown are the flags whose meaning is known; the two that NetBSD and FreeBSD use differently are told apart.
const flagsKnown = FlagUnclean | FlagSoftUpdate | FlagNeedsFsck | FlagSUJ | FlagACLs | FlagMultilabel | FlagGJournal |
	FlagUpdated | FlagWAPBL | FlagQuota2 | FlagTrim | FlagNFS4ACLs

// HasWAPBL reports whether a write-ahead log may hold something: its flag, which means NFSv4 ACLs on FreeBSD, counts
// only with credible locators beside it.
func (s *Super) HasWAPBL() bool {
	return s.Flags&FlagWAPBL != 0 && !s.OldLayout && !s.hasMetaCkHash() && s.journal[0] == JournalVersion1 &&
		(s.journal[1] == JournalAtEnd || s.journal[1] == JournalInFile) && s.journal[2] == 0 && s.journal[3] == 0
}

// HasQuota2 reports whether the volume has quotas in hidden inodes.
func (s *Super) HasQuota2() bool {
	return s.Flags&FlagQuota2 != 0 && !s.OldLayout && s.QuotaMagic == Quota2Magic
}

// hasMetaCkHash reports whether flag 0x200 means FreeBSD's check hashes: nothing stands where quota2 has its fields.
func (s *Super) hasMetaCkHash() bool {
	return s.Flags&FlagQuota2 != 0 && !s.OldLayout &&
		s.QuotaMagic == 0 && s.QuotaFlags == 0 && s.QuotaFile == [2]Ino{}
}

// HasCheckHash reports whether the volume keeps FreeBSD's check hashes in the structures named by which, Hash bits.
func (s *Super) HasCheckHash(which uint32) bool {
	return s.CheckHashes&which == which && s.hasMetaCkHash()
}

// HasSUJ reports whether FreeBSD's soft updates are journaled in /.sujournal.
func (s *Super) HasSUJ() bool { return s.Flags&FlagSUJ != 0 }

// HasGJournal reports whether a gjournal lies beneath.
func (s *Super) HasGJournal() bool { return s.Flags&FlagGJournal != 0 }

// HasNFS4ACLs reports whether files carry NFSv4 ACLs.
func (s *Super) HasNFS4ACLs() bool {
	return s.Flags&FlagNFS4ACLs != 0 || s.Flags&FlagWAPBL != 0 && !s.HasWAPBL()
}

// HasSnapshots reports whether snapshots have to be kept up to date by whoever writes.
func (s *Super) HasSnapshots() bool { return s.SnapInum[0] != 0 }

// UnknownFlags are the bits of Flags that nobody here knows.
func (s *Super) UnknownFlags() uint32 { return s.Flags &^ flagsKnown }

// WriteHazard says why writing to the volume would damage it, or "" if nothing speaks against it. That it is not clean,
// or has a log to replay, is not a reason here except where another system's journal then has to be replayed first.
func (s *Super) WriteHazard() string {
	isClean := s.Clean&CleanIs != 0
	switch {
	case s.UnknownFlags() != 0:
		return fmt.Sprintf("unknown flags %#x", s.UnknownFlags())
	case s.Flags&FlagNeedsFsck != 0:
		return "marked as needing fsck"
	case s.HasSUJ() && !isClean:
		return "journaled soft updates, and not clean"
	case s.HasSUJ() && s.SUJFree != 0:
		return fmt.Sprintf("journaled soft updates, and unreferenced inodes from %d on", s.SUJFree)
	case s.HasGJournal() && !isClean:
		return "gjournal, and not clean"
	case s.HasSnapshots():
		return "has snapshots"
	case s.Flags&FlagQuota2 != 0 && !s.HasQuota2() && !s.hasMetaCkHash():
		return fmt.Sprintf("quota flag with quota magic %#x", s.QuotaMagic)
	case s.hasMetaCkHash() && s.CheckHashes&^(HashSuper|HashGroup|HashInode) != 0:
		return fmt.Sprintf("unknown check hashes %#x", s.CheckHashes)
	}
	return ""
}
