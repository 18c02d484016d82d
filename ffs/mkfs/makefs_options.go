package mkfs

import (
	"math"
	"math/rand/v2"
	"time"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// Source is what the files of an image come from.
type Source = tree.Source

// MakefsOptions says what image Makefs makes. The zero value is what makefs makes without options: UFS1, little-endian, of the
// size that the tree needs. Zero means the default everywhere.
type MakefsOptions struct {
	Version       int          // 1 or 2; 0 is 1
	ExtAttr       bool         // UFS2 with NetBSD 10's magic and the files' extended attributes
	Xattrs        bool         // extended attributes on plain UFS2, where FreeBSD reads them
	HistoricSuper bool         // UFS2's superblock at byte 8192, where the historic makefs puts it; else at 65536
	Order         endian.Order // byte order of the image

	MinSize, MaxSize int64  // bytes of the image; the same for an exact size
	FreeBlocks       Amount // bytes that stay free, or percent of what the files take
	FreeFiles        Amount // inodes that stay free, or percent of those used
	RoundTo          int64  // the size is a multiple of so many bytes; 0 is a block

	SectorSize, BlockSize, FragSize int   // bytes
	Density                         int64 // bytes for each inode
	MinFree                         *int  // percent kept for root; nil is 5
	Space                           bool  // optimise for space
	MaxBPG                          int   // blocks of one file in a cylinder group
	MaxBlocksPerGroup               int   // fragments in a cylinder group, at most
	Extent                          int   // largest extent, bytes
	AvgFileSize, AvgFPDir           int
	Label                           string // volume name, up to 31 bytes
	SoftUpdates                     bool   // FreeBSD: mark the file system as using them

	Owner, Group *uint32    // of all files, instead of their own
	MaxTime      *time.Time // no time is later
	AllTimes     *time.Time // all times are this one

	// Reproducible makes equal images of equal trees: all times of a file are that of its last change, and random numbers follow
	// from the time of the file system.
	Reproducible bool

	Name     string // of the image, in messages
	Now      time.Time
	Rand     func() uint32
	Fill     bool // write zeros where nothing is, so that the image has no holes
	Sync     bool // return when the image is on the disk
	TempDir  string
	Progress func(done, total int64) // bytes of files; from one goroutine at a time
}

// An Amount is a number, or a percentage of what is there.
type Amount struct {
	N       int64
	Percent bool
}

// of is the amount where there is so much.
func (a Amount) of(n int64) int64 {
	if !a.Percent {
		return a.N
	}
	return int64(math.Ceil(float64(n) * float64(a.N) / 100))
}

// Makefs's defaults for sizes, bytes.
const (
	makefsFrag  = 1024
	makefsBlock = 8192
)

// Exit statuses of makefs.
const (
	exitMakefs      = 1
	exitMakefsSmall = 28
)

// settle checks the options and turns them into those that a file system is made with.
func (m *MakefsOptions) settle() (Options, error) {
	if m.Now.IsZero() {
		m.Now = time.Now()
	}
	if m.AllTimes != nil {
		m.Now = *m.AllTimes
	} else if m.MaxTime != nil && m.Now.After(*m.MaxTime) {
		m.Now = *m.MaxTime
	}
	if m.Reproducible && m.Rand == nil {
		m.Rand = rand.New(rand.NewPCG(uint64(m.Now.Unix()), 0x5eed)).Uint32
	}
	if m.ExtAttr {
		m.Xattrs = true
	}
	o := Options{
		Version: m.Version, ExtAttr: m.ExtAttr, Order: m.Order,
		SectorSize: m.SectorSize, BlockSize: m.BlockSize, FragSize: m.FragSize,
		MinFree: m.MinFree, Space: m.Space, MaxBPG: m.MaxBPG, MaxBSize: m.Extent,
		AvgFileSize: m.AvgFileSize, AvgFPDir: m.AvgFPDir, Label: m.Label,
		Name: m.Name, Now: m.Now, Rand: m.Rand,
	}
	if err := o.settle(); err != nil {
		return o, err
	}
	switch {
	case m.Density < 0 || m.MinSize < 0 || m.MaxSize < 0 || m.RoundTo < 0 || m.FreeBlocks.N < 0 || m.FreeFiles.N < 0 || m.MaxBlocksPerGroup < 0:
		return o, errorf(exitMakefs, "a negative size")
	case m.MaxSize > 0 && m.MinSize > m.MaxSize:
		return o, errorf(exitMakefs, "minimum size %d is larger than the maximum, %d", m.MinSize, m.MaxSize)
	case m.Xattrs && o.Version != 2:
		return o, errorf(exitMakefs, "extended attributes need version 2")
	case m.HistoricSuper && o.Version != 2:
		m.HistoricSuper = false
	}
	if err := o.checkSector(); err != nil {
		return o, err
	}
	if o.FragSize == 0 {
		o.FragSize = max(makefsFrag, o.SectorSize, o.BlockSize/ondisk.MaxFrags)
	}
	if o.BlockSize == 0 {
		o.BlockSize = max(min(makefsBlock, ondisk.MaxFrags*o.FragSize), o.FragSize)
	}
	return o, o.checkSizes()
}

// newSuper is a superblock with all that does not depend on the files.
func (m *MakefsOptions) newSuper(o *Options) *ondisk.Super {
	s := o.newSuper()
	if m.MaxBPG == 0 {
		s.MaxBPG = s.BSize / 4 // for both versions, other than newfs
	}
	if m.HistoricSuper {
		s.Location = ondisk.LocUFS1
		placeHeaders(s)
	}
	if m.SoftUpdates {
		s.Flags |= ondisk.FlagSoftUpdate
	}
	return s
}
