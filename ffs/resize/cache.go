package resize

import (
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
)

// maxCached is how many groups are kept in memory; a group is a block at most.
const maxCached = 32

// A groupCache takes fragments from the maps of groups, and keeps those of the last few. Maps may reach the disk whenever: fsck can make
// them anew.
type groupCache struct {
	vol    *volume
	p      *plan
	groups map[int]*cached
	clock  int
}

type cached struct {
	g     ondisk.Group
	block []byte
	used  int // when, by the clock
}

func newGroupCache(vol *volume, p *plan) *groupCache {
	return &groupCache{vol: vol, p: p, groups: map[int]*cached{}}
}

// get is group cg, without what lies in a zone.
func (c *groupCache) get(cg int) (*cached, error) {
	c.clock++
	if e := c.groups[cg]; e != nil {
		e.used = c.clock
		return e, nil
	}
	if len(c.groups) >= maxCached {
		if err := c.evict(); err != nil {
			return nil, err
		}
	}
	g, block, err := c.vol.group(cg)
	if err != nil {
		return nil, err
	}
	reserve(c.p.zones, c.vol.s, &g)
	e := &cached{g, block, c.clock}
	c.groups[cg] = e
	return e, nil
}

// evict writes the group that was used longest ago.
func (c *groupCache) evict() error {
	oldest := -1
	for cg, e := range c.groups {
		if oldest < 0 || e.used < c.groups[oldest].used {
			oldest = cg
		}
	}
	e := c.groups[oldest]
	delete(c.groups, oldest)
	return c.vol.writeGroup(&e.g, e.block)
}

// take takes n fragments of group cg off a run of exactly so many, off a whole block if run is 0.
func (c *groupCache) take(cg, run, n int) (ondisk.Frag, error) {
	e, err := c.get(cg)
	if err != nil {
		return 0, err
	}
	var f int
	var ok bool
	if run == 0 {
		if f, ok = e.g.FindBlock(0); ok {
			f <<= c.vol.s.FragShift
		}
	} else {
		f, ok = e.g.FindFrags(0, run)
	}
	if ok {
		_, ok = e.g.TakeFrags(f, n)
	}
	if !ok {
		return 0, fmt.Errorf("cylinder group %d: its map and its counts disagree; run fsck: %w", cg, syscall.EIO)
	}
	return c.vol.s.CgBase(cg) + ondisk.Frag(f), nil
}

// takeRow takes n whole blocks in a row.
func (c *groupCache) takeRow(cg, n int) (ondisk.Frag, error) {
	e, err := c.get(cg)
	if err != nil {
		return 0, err
	}
	blk, ok := e.g.FindCluster(0, n)
	for i := 0; ok && i < n; i++ {
		_, ok = e.g.TakeBlock(blk + i)
	}
	if !ok {
		return 0, fmt.Errorf("cylinder group %d: no row of %d blocks: %w", cg, n, syscall.EIO)
	}
	return c.vol.s.CgBase(cg) + ondisk.Frag(blk)<<c.vol.s.FragShift, nil
}

// free gives fragments back that nothing leads to any more.
func (c *groupCache) free(spans []span) error {
	s := c.vol.s
	for _, z := range spans {
		for f := z.lo; f < z.hi; f++ {
			cg := s.FragToCg(f)
			if cg >= c.p.limit {
				continue
			}
			e, err := c.get(cg)
			if err != nil {
				return err
			}
			if _, ok := e.g.FreeFrags(s.FragInCg(f), 1); !ok {
				return fmt.Errorf("fragment %d is free already: %w", f, syscall.EIO)
			}
		}
	}
	return nil
}

func (c *groupCache) writeAll() error {
	for len(c.groups) > 0 {
		if err := c.evict(); err != nil {
			return err
		}
	}
	return nil
}
