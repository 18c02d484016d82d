package blockmap

import "testing"

// TestGlyphs draws every letter with the pen: all of a path is understood, and nothing lies far outside of the line.
func TestGlyphs(t *testing.T) {
	for c := byte(' '); c < 0x7f; c++ {
		path, ok := glyphs[c]
		if c == ' ' {
			continue
		}
		if !ok && c != '$' && c != '`' {
			t.Errorf("no %q", c)
			continue
		}
		strokes := parseGlyph(path)
		ops := 0
		for i := range len(path) {
			if path[i] == 'M' || path[i] == 'O' || path[i] == 'C' {
				ops++
			}
		}
		if len(strokes) != ops {
			t.Errorf("%q: %d strokes of %d", c, len(strokes), ops)
		}
		for _, s := range strokes {
			for _, p := range s {
				if p.x < -1.5 || p.x > 8 || p.y < -1.3 || p.y > 9.3 {
					t.Errorf("%q: the pen is at %v", c, p)
				}
			}
		}
		if _, advance := letter(c); advance < letterGap || advance > 10 {
			t.Errorf("%q is %v wide", c, advance)
		}
	}
	if s, _ := letter(0xff); len(s) == 0 {
		t.Error("an unknown letter is nothing")
	}
}

// TestArrange finds a layout for any number of panels and cells, no wider than the page.
func TestArrange(t *testing.T) {
	for panels := 1; panels <= PictureShape.Panels; panels += 5 {
		for cells := 1; cells <= PictureShape.Cells/panels; cells = cells*3 + 1 {
			for _, block := range []int{1, 8} {
				l := arrange(panels, cells, block)
				if l.perRow*l.cell > l.panelWidth() || l.rows*l.perRow < cells || l.cell < leastCell || l.height(panels) > 2*mostHeight {
					t.Errorf("%d panels of %d cells: %+v, %d high", panels, cells, l, l.height(panels))
				}
			}
		}
	}
}

// TestCube finds the nearest colours of xterm.
func TestCube(t *testing.T) {
	for c, want := range map[uint32]int{0x000000: 16, 0xffffff: 231, 0xff0000: 196, 0x808080: 244, 0x3b78c9: 68, 0xe01b24: 160} {
		if got := cube(rgb(c)); got != want {
			t.Errorf("%06x: got %d, want %d", c, got, want)
		}
	}
}
