package ffs

import (
	"context"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
	"rump/rumpfs/vfs"
)

// dataRegion is the part of the volume around fragment f in which files may have their blocks: fragments lo to hi-1, all in one
// cylinder group. ok is false if f is the file system's own.
func (fs *FS) dataRegion(f ondisk.Frag) (lo, hi ondisk.Frag, ok bool) {
	s := fs.s
	if f <= 0 || f >= s.Size {
		return 0, 0, false
	}
	cg := s.FragToCg(f)
	lo, hi = s.CgData(cg), min(s.CgBase(cg)+ondisk.Frag(s.Fpg), s.Size)
	if f < lo {
		lo, hi = s.CgBase(cg), s.CgSuper(cg)
		if cg == 0 || f >= hi {
			return 0, 0, false
		}
	}
	sum, end := s.CSAddr, s.CSAddr+ondisk.Frag(s.RoundFrags(int64(s.CSSize))>>s.FShift)
	switch {
	case f >= sum && f < end:
		return 0, 0, false
	case f < sum:
		hi = min(hi, sum)
	default:
		lo = max(lo, end)
	}
	return lo, hi, true
}

// checkBlock says whether pointer f of this inode, to n fragments, leads to where a file can have them.
func (in *inode) checkBlock(f ondisk.Frag, n int) error {
	_, hi, ok := in.fs.dataRegion(f)
	if !ok || f+ondisk.Frag(n) > hi || int(f&ondisk.Frag(in.fs.s.Frag-1))+n > int(in.fs.s.Frag) {
		return in.corrupt(fmt.Sprintf("pointer to fragment %d+%d", f, n))
	}
	return nil
}

// blockFrags is how many fragments logical block lbn takes in a file of this size.
func (in *inode) blockFrags(lbn ondisk.Block) int {
	return in.fs.s.BlockSizeOf(in.di.Size, lbn) >> in.fs.s.FShift
}

// A run is a piece of a file that is in one piece on the disk, in whole blocks, the last of which may be fragments. at 0 is a hole.
type run struct {
	at ondisk.Frag
	n  ondisk.Block
}

// mapRun is where logical block lbn, which the file's size reaches, and those behind it lie: the longest run, up to most blocks.
func (in *inode) mapRun(lbn, most ondisk.Block) (run, error) {
	p, ok := in.fs.s.PathTo(lbn)
	if !ok {
		return run{}, in.corrupt(fmt.Sprintf("no pointer to block %d", lbn))
	}
	if p.Level == 0 {
		return scan(in, directs{&in.di.DB}, p.Index[0], lbn, most)
	}
	leaf, gap, err := in.leafOf(lbn, p)
	if err != nil {
		return run{}, err
	}
	if leaf == 0 {
		return run{0, min(most, gap)}, nil
	}
	b, err := in.getBlock(leaf, false)
	if err != nil {
		return run{}, err
	}
	defer b.Release()
	return scan(in, in.fs.s.IndirectIn(b.Bytes()), p.Index[p.Level], lbn, most)
}

// leafOf is the indirect block that holds the pointer to lbn, at the end of path p; if it or one above it is missing, the number of
// blocks from lbn on that are a hole because of that.
func (in *inode) leafOf(lbn ondisk.Block, p ondisk.Path) (leaf ondisk.Frag, gap ondisk.Block, err error) {
	s := in.fs.s
	ptr := in.di.IB[p.Index[0]]
	for depth := 1; ; depth++ {
		if ptr == 0 {
			span := s.IndirectSpan(p.Level - depth + 2)
			return 0, span - (lbn-s.FirstIndirect(p.Level))%span, nil
		}
		if depth == p.Level {
			return ptr, 0, nil
		}
		if ptr, err = in.pointerIn(ptr, p.Index[depth]); err != nil {
			return 0, 0, err
		}
	}
}

// pointerIn is pointer i of the indirect block at f.
func (in *inode) pointerIn(f ondisk.Frag, i int) (ondisk.Frag, error) {
	b, err := in.getBlock(f, false)
	if err != nil {
		return 0, err
	}
	defer b.Release()
	return in.fs.s.IndirectIn(b.Bytes()).Get(i), nil
}

// pointers is an array of them: those in an inode, or an indirect block.
type pointers interface {
	Len() int
	Get(i int) ondisk.Frag
}

type directs struct{ db *[ondisk.NDirect]ondisk.Frag }

func (d directs) Len() int              { return len(d.db) }
func (d directs) Get(i int) ondisk.Frag { return d.db[i] }

// scan measures the run that begins at pointer i, which is that of block lbn.
func scan[P pointers](in *inode, p P, i int, lbn, most ondisk.Block) (run, error) {
	s := in.fs.s
	most = min(most, ondisk.Block(p.Len()-i))
	first := p.Get(i)
	n := ondisk.Block(1)
	if first == 0 {
		for n < most && p.Get(i+int(n)) == 0 {
			n++
		}
		return run{0, n}, nil
	}
	// Only the last block may be less than whole, and so only it need be looked at for its length.
	if err := in.checkBlock(first, in.blockFrags(lbn)); err != nil {
		return run{}, err
	}
	_, hi, _ := in.fs.dataRegion(first)
	next := first + ondisk.Frag(s.Frag)
	for n < most && p.Get(i+int(n)) == next {
		if next+ondisk.Frag(in.blockFrags(lbn+n)) > hi {
			break
		}
		next += ondisk.Frag(s.Frag)
		n++
	}
	return run{first, n}, nil
}

// Map is where the bytes from off on lie.
func (f *file) Map(ctx context.Context, off, limit int64) (vfs.Extent, error) {
	if off < 0 {
		return vfs.Extent{}, syscall.EINVAL
	}
	if f.di.Flags&ondisk.FileSnapshot != 0 {
		return vfs.Extent{}, syscall.EPERM
	}
	limit = min(limit, f.di.Size-off)
	if limit <= 0 {
		return vfs.Extent{Off: off}, nil
	}
	return f.extent(off, limit)
}

// extent is the run of at most limit bytes, all inside the file, that begins at byte off.
func (in *inode) extent(off, limit int64) (vfs.Extent, error) {
	s := in.fs.s
	in0 := int64(s.InBlock(off))
	r, err := in.mapRun(s.BlockOf(off), s.BlockOf(in0+limit+int64(s.BSize)-1))
	if err != nil {
		return vfs.Extent{}, err
	}
	e := vfs.Extent{Off: off, Length: min(limit, s.BlockOffset(r.n)-in0), Hole: r.at == 0}
	if !e.Hole {
		e.Dev = s.FragOffset(r.at) + in0
	}
	return e, nil
}

// buf is a metadata buffer.
type buf = bcache.Buf

// getBlock is the buffer of the indirect block at f; of a fresh one nothing is read.
func (in *inode) getBlock(f ondisk.Frag, fresh bool) (*buf, error) {
	s := in.fs.s
	if f&ondisk.Frag(s.Frag-1) != 0 {
		return nil, in.corrupt(fmt.Sprintf("pointer to fragment %d, inside a block", f))
	}
	if err := in.checkBlock(f, int(s.Frag)); err != nil {
		return nil, err
	}
	if fresh {
		return in.fs.cache.GetNew(s.FragOffset(f), int(s.BSize))
	}
	return in.fs.cache.Get(s.FragOffset(f), int(s.BSize))
}
