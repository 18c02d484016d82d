package resize

import (
	"syscall"

	"rump/ffs/ondisk"
)

// A room is what one cylinder group has to give: blocks that are free as a whole at index 0, runs of n free fragments inside other
// blocks at index n.
type room [ondisk.MaxFrags]int32

// A space gives out free fragments by their numbers alone. Which of a group's equal runs is taken makes no difference to what is left,
// so that counting in a plan comes to the same as taking from the maps later. Nothing is given back.
type space struct {
	frag   int
	groups []room
	total  [ondisk.MaxFrags]int64
	next   []int32                // from group i on, where to look for one that has blocks; groups only ever lose them
	cursor [ondisk.MaxFrags]int32 // where the last run of a length was found
}

func newSpace(frag, ncg int) *space {
	sp := &space{frag: frag, groups: make([]room, ncg), next: make([]int32, ncg+1)}
	for i := range sp.next {
		sp.next[i] = int32(i)
	}
	return sp
}

// set notes what group cg has.
func (sp *space) set(cg int, g *ondisk.Group) {
	r := &sp.groups[cg]
	r[0] = g.Summary().FreeBlocks
	for n := 1; n < sp.frag; n++ {
		r[n] = g.FragSum(n)
	}
	for n, v := range r {
		sp.total[n] += int64(v)
	}
}

// take takes n fragments, near group near if possible: from a run of so many fragments in group cg, from a whole block if run is 0. A run that
// fits is looked for everywhere before a block is broken up.
func (sp *space) take(near, n int) (cg, run int, err error) {
	for run = n; run < sp.frag; run++ {
		if sp.total[run] > 0 {
			cg = sp.findRun(near, run)
			sp.change(cg, run, -1)
			if run > n {
				sp.change(cg, run-n, 1)
			}
			return cg, run, nil
		}
	}
	cg, ok := sp.findBlock(near)
	if !ok {
		return 0, 0, syscall.ENOSPC
	}
	sp.change(cg, 0, -1)
	if n < sp.frag {
		sp.change(cg, sp.frag-n, 1)
	}
	return cg, 0, nil
}

// takeBlocks takes n whole blocks of group cg, which has as many.
func (sp *space) takeBlocks(cg, n int) { sp.change(cg, 0, -int32(n)) }

func (sp *space) change(cg, class int, by int32) {
	sp.groups[cg][class] += by
	sp.total[class] += int64(by)
}

// findRun is a group with a run of exactly n fragments; there is one.
func (sp *space) findRun(near, n int) int {
	if sp.groups[near][n] > 0 {
		return near
	}
	cg := int(sp.cursor[n])
	for sp.groups[cg][n] == 0 {
		if cg++; cg == len(sp.groups) {
			cg = 0
		}
	}
	sp.cursor[n] = int32(cg)
	return cg
}

// findBlock is the first group from near on that has a block, wrapping.
func (sp *space) findBlock(near int) (int, bool) {
	if cg := sp.follow(near); cg < len(sp.groups) {
		return cg, true
	}
	cg := sp.follow(0)
	return cg, cg < len(sp.groups)
}

// follow is the first group from cg on that has a block, or the number of groups; paths that were walked are cut short.
func (sp *space) follow(cg int) int {
	end := cg
	for end < len(sp.groups) && sp.groups[end][0] == 0 {
		if int(sp.next[end]) == end {
			sp.next[end]++
		}
		end = int(sp.next[end])
	}
	for cg < end {
		sp.next[cg], cg = int32(end), int(sp.next[cg])
	}
	return end
}
