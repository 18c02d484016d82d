package blockmap

// Measures of a picture, in pixels.
const (
	pageWidth  = 1200
	margin     = 28
	inner      = pageWidth - 2*margin
	mostHeight = 1000 // of all panels together, unless cells of the least size need more
	headHeight = 92   // title and usage bar
	labelSize  = 11
	labelRow   = 17 // above a panel
	gapX       = 16 // between panels
	gapY       = 10
	leastCell  = 2
	mostCell   = 12
	gridCell   = 5 // from this size on cells have lines between them
	leastLabel = 52

	legendTop  = 26
	legendRow  = 22
	legendCols = 4
)

// A layout says where the panels of a picture go.
type layout struct {
	cols   int // panels in a row
	cell   int // side of a cell
	perRow int // cells in a row of a panel
	rows   int // of the largest panel
	labels bool
}

// arrange finds the largest cells for so many panels of at most so many cells each. Rows are of whole blocks of cells, if they have more than
// one block.
func arrange(panels, cells, block int) layout {
	best := layout{}
	for _, cols := range []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32} {
		if cols > panels && cols > 1 {
			break
		}
		width := (inner - (cols-1)*gapX) / cols
		for cell := mostCell; cell >= leastCell; cell-- {
			l := layout{cols: cols, cell: cell, perRow: width / cell, labels: width >= leastLabel}
			if l.perRow == 0 {
				continue
			}
			if l.perRow > block {
				l.perRow -= l.perRow % block
			}
			l.perRow = min(l.perRow, max(cells, 1))
			l.rows = (cells + l.perRow - 1) / l.perRow
			if l.height(panels) > mostHeight && cell > leastCell {
				continue
			}
			if best.cols == 0 || l.better(best, panels) {
				best = l
			}
			break
		}
	}
	return best
}

// better prefers large cells, then what uses the room, then fewer columns.
func (l layout) better(than layout, panels int) bool {
	a, b := l.height(panels) <= mostHeight, than.height(panels) <= mostHeight
	switch {
	case a != b:
		return a
	case !a:
		return l.height(panels) < than.height(panels)
	}
	return l.cell > than.cell
}

func (l layout) panelHeight() int {
	h := l.rows * l.cell
	if l.labels {
		h += labelRow
	}
	return h
}

// height is that of all panels.
func (l layout) height(panels int) int {
	rows := (panels + l.cols - 1) / l.cols
	return rows*(l.panelHeight()+gapY) - gapY
}

// panelWidth is the room that a panel has.
func (l layout) panelWidth() int { return (inner - (l.cols-1)*gapX) / l.cols }

// place is the corner of panel i, below the top of the panels.
func (l layout) place(i int) (x, y int) {
	return margin + i%l.cols*(l.panelWidth()+gapX), i / l.cols * (l.panelHeight() + gapY)
}
