package blockmap

import (
	"fmt"
	"image/color"
	"strings"

	"rump/ffs/ondisk"
)

// PictureShape is the shape of maps that SVG and PNG draw well.
var PictureShape = Shape{Panels: 96, Cells: 1 << 16}

// A canvas is what a picture is drawn on. Coordinates are pixels; texts begin at, or with right end at, their baseline.
type canvas interface {
	rect(x, y, w, h int, c color.NRGBA)
	grid(x, y, w, h, step int) // lines of the page's colour over cells of a panel
	text(x, y int, size float64, style textStyle, c color.NRGBA, s string)
}

type textStyle uint8

const (
	plain textStyle = 0
	bold  textStyle = 1 << iota
	right           // the text ends at x
)

// Colours of a page.
var (
	paper = rgb(0xffffff)
	ink   = rgb(0x1f2933)
	faint = rgb(0x6b7785)
	alarm = looks[Bad].colour
)

// A page is a picture of a map, laid out.
type page struct {
	m      *Map
	l      layout
	title  string
	faults []string
}

func newPage(m *Map) *page {
	most := 0
	for _, cells := range m.Panels {
		most = max(most, len(cells))
	}
	p := &page{m: m, l: arrange(len(m.Panels), most, max(1, int(int64(m.Super.Frag)/m.Unit))), title: m.Name}
	const shown = 4
	for i, f := range m.Faults {
		if i == shown {
			break
		}
		p.faults = append(p.faults, f)
	}
	if more := m.NumFault - int64(len(p.faults)); more > 0 {
		p.faults = append(p.faults, fmt.Sprintf("and %d more", more))
	}
	return p
}

// legend is the kinds that the volume has.
func (p *page) legend() (kinds []Kind) {
	for k := range NumKinds {
		if p.m.Total[k] > 0 || k == Free {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (p *page) panelsTop() int  { return margin + headHeight }
func (p *page) legendTop() int  { return p.panelsTop() + p.l.height(len(p.m.Panels)) + legendTop }
func (p *page) legendRows() int { return (len(p.legend()) + legendCols - 1) / legendCols }

func (p *page) height() int {
	h := p.legendTop() + p.legendRows()*legendRow + 24 + margin
	return h + len(p.faults)*18
}

// draw draws everything.
func (p *page) draw(c canvas) {
	p.head(c)
	for i, cells := range p.m.Panels {
		p.panel(c, i, cells)
	}
	p.foot(c)
}

func (p *page) head(c canvas) {
	title := p.title
	const most = 70
	if len(title) > most {
		title = "..." + title[len(title)-most:]
	}
	c.text(margin, margin+20, 22, bold, ink, title)
	c.text(margin, margin+42, 13, plain, faint, p.m.Describe())
	y, h := margin+56, 20
	width := (min(p.l.cols, len(p.m.Panels))-1)*(p.l.panelWidth()+gapX) + p.l.perRow*p.l.cell // flush with the panels
	at, end := margin, margin+width
	total := int64(p.m.Super.Size)
	sum := int64(0)
	for _, k := range p.barOrder() {
		sum += p.m.Total[k]
		to := margin + int(float64(sum)*float64(width)/float64(max(total, 1)))
		if p.m.Total[k] > 0 && to == at && k != Free {
			to = at + 1
		}
		if to = min(to, end); to > at {
			c.rect(at, y, to-at, h, looks[k].colour)
		}
		at = max(at, to)
	}
}

// barOrder is the order of the bar: what is free comes last.
func (p *page) barOrder() (kinds []Kind) {
	for k := Free + 1; k < Bad; k++ {
		kinds = append(kinds, k)
	}
	return append(kinds, Free)
}

// panel draws the cells of one panel, runs of one colour at once.
func (p *page) panel(c canvas, i int, cells []Cell) {
	x0, y0 := p.l.place(i)
	y0 += p.panelsTop()
	if p.l.labels {
		c.text(x0, y0+labelSize, labelSize, plain, ink, p.m.PanelName(i))
		if p.l.panelWidth() >= 130 {
			c.text(x0+p.l.perRow*p.l.cell, y0+labelSize, labelSize, right, faint, usedPart(cells))
		}
		y0 += labelRow
	}
	side := p.l.cell
	for row := 0; row*p.l.perRow < len(cells); row++ {
		line := cells[row*p.l.perRow : min(len(cells), (row+1)*p.l.perRow)]
		for from := 0; from < len(line); {
			colour := line[from].colour()
			to := from + 1
			for to < len(line) && line[to].colour() == colour {
				to++
			}
			c.rect(x0+from*side, y0+row*side, (to-from)*side, side, colour)
			from = to
		}
	}
	if side >= gridCell {
		rows := (len(cells) + p.l.perRow - 1) / p.l.perRow
		c.grid(x0, y0, p.l.perRow*side, rows*side, side)
	}
}

// foot draws the legend, what a cell is, and what is wrong.
func (p *page) foot(c canvas) {
	y := p.legendTop()
	rows := p.legendRows()
	width := inner / legendCols
	for i, k := range p.legend() {
		x, at := margin+i/rows*width, y+i%rows*legendRow
		c.rect(x, at, 13, 13, looks[k].colour)
		c.text(x+21, at+11, 13, plain, ink, looks[k].name)
		c.text(x+width-26, at+11, 13, right, faint, p.m.amount(k))
	}
	y += rows*legendRow + 14
	c.text(margin, y, 12, plain, faint, p.m.cellWords())
	for _, f := range p.faults {
		y += 18
		c.text(margin, y, 12, plain, alarm, f)
	}
}

// kind is what a cell shows, and how strongly, from 0 to shades.
func (c *Cell) kind() (k Kind, level int) {
	used, all, best := int64(0), int64(0), int64(0)
	for i := range NumKinds {
		n := int64(c[i])
		if i != Bad {
			all += n
		}
		if i == Free || n == 0 {
			continue
		}
		if i != Bad {
			used += n
		}
		if w := n * int64(looks[i].weight); w > best {
			k, best = i, w
		}
	}
	if k == Bad || k == Lost {
		return k, shades
	}
	if all == 0 || used == 0 {
		return Free, 0
	}
	return k, int(used * shades / all)
}

func (c *Cell) colour() color.NRGBA {
	k, level := c.kind()
	if k == Free {
		return looks[Free].colour
	}
	return shade(k, level)
}

// usedPart says how much of some cells is not free.
func usedPart(cells []Cell) string {
	var free, all int64
	for i := range cells {
		free += int64(cells[i][Free])
		for k, n := range cells[i] {
			if Kind(k) != Bad {
				all += int64(n)
			}
		}
	}
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("%d%% used", (all-free)*100/all)
}

// PanelName says which cylinder groups panel i shows.
func (m *Map) PanelName(i int) string {
	first := i * m.Groups
	last := min(first+m.Groups, int(m.Super.Ncg)) - 1
	if first == last {
		return fmt.Sprintf("cg %d", first)
	}
	return fmt.Sprintf("cg %d-%d", first, last)
}

// Describe is the volume in a line.
func (m *Map) Describe() string {
	s := m.Super
	format := []string{fmt.Sprintf("UFS%d", s.Version)}
	if s.Apple {
		format[0] = "Apple UFS"
	}
	if s.Order.IsBig() {
		format = append(format, "big-endian")
	} else {
		format = append(format, "little-endian")
	}
	groups := fmt.Sprintf("%d cylinder groups of %s", s.Ncg, Size(int64(s.Fpg)<<s.FShift))
	if s.Ncg == 1 {
		groups = "1 cylinder group"
	}
	state := "clean"
	if s.Clean&ondisk.CleanIs == 0 {
		state = "not clean"
	}
	return strings.Join(append(format, Size(int64(s.Size)<<s.FShift), groups,
		fmt.Sprintf("block %d, fragment %d", s.BSize, s.FSize), fmt.Sprintf("%d files, %d directories", m.Files-m.Dirs, m.Dirs), state), ", ")
}

// cellWords says what a cell is.
func (m *Map) cellWords() string {
	s := m.Super
	what := fmt.Sprintf("%d fragments", m.Unit)
	switch blocks := m.Unit / int64(s.Frag); {
	case m.Unit == 1:
		what = "a fragment"
	case m.Unit == int64(s.Frag):
		what = "a block"
	case blocks > 1:
		what = fmt.Sprintf("%d blocks", blocks)
	}
	return fmt.Sprintf("A cell is %s (%s); the fuller its colour, the more of it is in use.", Size(m.Unit<<s.FShift), what)
}

// amount is how much of the volume is of kind k.
func (m *Map) amount(k Kind) string {
	n := m.Total[k]
	return fmt.Sprintf("%s  %.1f%%", Size(n<<m.Super.FShift), float64(n)*100/float64(max(m.Super.Size, 1)))
}

// Size is a number of bytes in a few letters.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), -1
	for v >= 1023.95 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if v == float64(int64(v)) {
		return fmt.Sprintf("%d %ciB", int64(v), units[unit])
	}
	return fmt.Sprintf("%.1f %ciB", v, units[unit])
}
