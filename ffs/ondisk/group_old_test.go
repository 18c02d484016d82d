package ondisk_test

import (
	"testing"

	"rump/ffs/ondisk"
)

func TestOldGroupTime(t *testing.T) {
	s := build(t, flavours[1], 8192, 1024, 2)
	block := make([]byte, s.BSize)
	g, err := s.InitGroup(0, block)
	if err != nil {
		t.Fatal(err)
	}
	g.SetTime(77)
	if g.Time() != 77 || byteOrder(s.Order).Uint64(block[136:]) != 0 {
		t.Errorf("time %d, wide %d", g.Time(), byteOrder(s.Order).Uint64(block[136:]))
	}
}

// TestAncientGroup builds the 4.2BSD form by hand.
func TestAncientGroup(t *testing.T) {
	for _, f := range flavours[:2] {
		s := build(t, f, 8192, 1024, 2)
		s.ContigSum = 0
		s.Old.PostblFormat = ondisk.PostblFormat42
		s.Old.SPC, s.Old.NSect = s.Old.SPC/4, s.Old.SPC/8
		block := make([]byte, s.BSize)
		poke(f.order, block, 980, 32, 0x00090255)
		poke(f.order, block, 20, 32, int64(s.CgFrags(0)))
		for i := range s.Ipg {
			block[724+i/8] |= 1 << (i % 8)
		}
		g, err := s.GroupIn(0, block)
		if err != nil {
			t.Fatal(err)
		}
		if !g.Ancient() || g.HasClusters() {
			t.Errorf("%v: ancient %v, clusters %v", f, g.Ancient(), g.HasClusters())
		}
		m := newModel(s, &g)
		r := random(7)
		for n := range 300 {
			what := m.step(t, &g, r)
			if err := m.compare(&g); err != nil {
				t.Fatalf("%v: step %d, %s: %v", f, n, what, err)
			}
		}
		var sum int32
		for cyl := range 32 {
			total := int32(byteOrder(f.order).Uint32(block[84+4*cyl:]))
			var row int32
			for pos := range 8 {
				row += int32(int16(byteOrder(f.order).Uint16(block[212+16*cyl+2*pos:])))
			}
			if row != total {
				t.Errorf("%v: cylinder %d: positions add up to %d, total %d", f, cyl, row, total)
			}
			sum += total
		}
		if sum != g.Summary().FreeBlocks || sum == 0 {
			t.Errorf("%v: cylinders add up to %d, free blocks %d", f, sum, g.Summary().FreeBlocks)
		}
		s.Ipg = 4096
		if _, err := s.GroupIn(0, block); err == nil {
			t.Errorf("%v: 4096 inodes fit 2048 bits", f)
		}
	}
}

// TestOldTables counts the tables of the old layout from the free blocks.
func TestOldTables(t *testing.T) {
	for _, f := range flavours[:2] {
		s := build(t, f, 8192, 1024, 2)
		s.Old.CPG, s.Old.NRPos = 3, 4
		s.Old.SPC = s.Fpg * s.Old.NSPF / 3
		s.Old.NSect = s.Old.SPC / 5
		s.Old.NPSect, s.Old.TrackSkew = s.Old.NSect, 2
		block := make([]byte, s.BSize)
		g, err := s.InitGroup(0, block)
		if err != nil {
			t.Fatal(err)
		}
		r := random(8)
		m := newModel(s, &g)
		for range 400 {
			m.step(t, &g, r)
		}
		btot, rpos := make([]int32, 3), make([]int16, 12)
		for b, free := range m.freeBlocks() {
			if !free {
				continue
			}
			sector := int32(b) * s.Frag << s.FsbToDb
			cyl, in := sector/s.Old.SPC, sector%s.Old.SPC
			pos := (in/s.Old.NSect*2 + in%s.Old.NSect) % s.Old.NSect * 4 / s.Old.NSect
			btot[cyl]++
			rpos[4*cyl+pos]++
		}
		for i, want := range btot {
			if got := int32(byteOrder(f.order).Uint32(block[168+4*i:])); got != want {
				t.Errorf("%v: cylinder %d: %d, want %d", f, i, got, want)
			}
		}
		for i, want := range rpos {
			if got := int16(byteOrder(f.order).Uint16(block[180+2*i:])); got != want {
				t.Errorf("%v: cylinder %d position %d: %d, want %d", f, i/4, i%4, got, want)
			}
		}
		was := append([]byte(nil), block...)
		g.ClearOldTables()
		for b, free := range m.freeBlocks() {
			if free {
				g.CountOldTables(b)
			}
		}
		if i := diffAt(block, was); i >= 0 {
			t.Errorf("%v: counted anew, byte %d is %#x, was %#x", f, i, block[i], was[i])
		}
		s.Old.SPC = 0 // geometry that cannot be is not followed, and divides nothing
		if _, ok := g.FindBlock(0); ok {
			b, _ := g.FindBlock(0)
			g.TakeBlock(b)
		}
	}
}
