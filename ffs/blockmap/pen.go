package blockmap

import (
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"
)

// A point is a place in a glyph, or on a picture in pixels.
type point struct{ x, y float64 }

// A stroke is a line that the pen draws without being lifted.
type stroke []point

// Measures of a letter, in the units of glyphs.
const (
	capHeight   = 7.0
	spaceWidth  = 3.6
	letterGap   = 1.7
	capPart     = 0.72 // of the nominal size of a font
	pen         = 0.95 // width of a stroke
	boldPen     = 1.45
	arcSteps    = 12 // degrees
	belowLetter = 10 // where the lowest part of a letter ends, below the top of capitals
)

// parseGlyph draws a glyph with the pen.
func parseGlyph(path string) (strokes []stroke) {
	for path != "" {
		op := path[0]
		end := 1
		for end < len(path) && (path[end] < 'A' || path[end] > 'Z') {
			end++
		}
		var n []float64
		for _, w := range strings.Fields(path[1:end]) {
			v, _ := strconv.ParseFloat(w, 64) // the table is ours, and has a test
			n = append(n, v)
		}
		path = path[end:]
		switch {
		case op == 'M' && len(n) == 2:
			strokes = append(strokes, stroke{{n[0], n[1]}})
		case op == 'L' && len(n) == 2 && len(strokes) > 0:
			last := len(strokes) - 1
			strokes[last] = append(strokes[last], point{n[0], n[1]})
		case op == 'O' && len(n) == 4:
			strokes = append(strokes, arc(n[0], n[1], n[2], n[3], 0, 360))
		case op == 'C' && len(n) == 6:
			strokes = append(strokes, arc(n[0], n[1], n[2], n[3], n[4], n[5]))
		}
	}
	return strokes
}

// arc is a part of an ellipse.
func arc(cx, cy, rx, ry, from, to float64) (s stroke) {
	steps := int(math.Ceil(math.Abs(to-from) / arcSteps))
	for i := range steps + 1 {
		sin, cos := math.Sincos((from + (to-from)*float64(i)/float64(steps)) * math.Pi / 180)
		s = append(s, point{cx + rx*cos, cy + ry*sin})
	}
	return s
}

// letter is the strokes of a letter and how far the next one is; widths do not count what hangs over to the left.
func letter(c byte) (strokes []stroke, advance float64) {
	if c == ' ' {
		return nil, spaceWidth
	}
	path, ok := glyphs[c]
	if !ok {
		path = unknownGlyph
	}
	strokes = parseGlyph(path)
	width := 0.0
	for _, s := range strokes {
		for _, p := range s {
			width = max(width, p.x)
		}
	}
	return strokes, width + letterGap
}

// textWidth is how long a text is in a font of so many pixels.
func textWidth(text string, size float64) float64 {
	w := -letterGap
	for i := range len(text) {
		_, a := letter(text[i])
		w += a
	}
	return max(0, w) * size * capPart / capHeight
}

// drawText draws a text whose baseline begins at x, y.
func drawText(img *image.NRGBA, x, y, size float64, bold bool, c color.NRGBA, text string) {
	unit := size * capPart / capHeight
	width := pen
	if bold {
		width = boldPen
	}
	radius := max(width*unit/2, 0.5)
	x0, y0 := math.Floor(x-2*radius), math.Floor(y-9*unit-radius)
	m := newMask(int(textWidth(text, size)+8*radius)+2, int((belowLetter+2)*unit+4*radius)+2)
	at := x
	for i := range len(text) {
		strokes, advance := letter(text[i])
		for _, s := range strokes {
			for k := range max(1, len(s)-1) {
				a, b := s[k], s[min(k+1, len(s)-1)]
				m.line(point{at + a.x*unit - x0, y - (capHeight-a.y)*unit - y0}, point{at + b.x*unit - x0, y - (capHeight-b.y)*unit - y0}, radius)
			}
		}
		at += advance * unit
	}
	m.paint(img, int(x0), int(y0), c)
}

// A mask is how much of each pixel a text covers, so that strokes that cross do not darken each other.
type mask struct {
	w, h int
	a    []uint8
}

func newMask(w, h int) *mask { return &mask{w, h, make([]uint8, w*h)} }

// line draws a line with round ends.
func (m *mask) line(a, b point, radius float64) {
	lox, hix := int(min(a.x, b.x)-radius-1), int(max(a.x, b.x)+radius+2)
	loy, hiy := int(min(a.y, b.y)-radius-1), int(max(a.y, b.y)+radius+2)
	for y := max(loy, 0); y < min(hiy, m.h); y++ {
		for x := max(lox, 0); x < min(hix, m.w); x++ {
			d := distance(point{float64(x) + 0.5, float64(y) + 0.5}, a, b)
			cover := max(0, min(1, radius+0.5-d))
			m.a[y*m.w+x] = max(m.a[y*m.w+x], uint8(cover*255))
		}
	}
}

// distance is that of p from the line from a to b.
func distance(p, a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = max(0, min(1, ((p.x-a.x)*dx+(p.y-a.y)*dy)/l))
	}
	return math.Hypot(p.x-a.x-t*dx, p.y-a.y-t*dy)
}

// paint lays colour c over the picture where the mask covers it.
func (m *mask) paint(img *image.NRGBA, x0, y0 int, c color.NRGBA) {
	for y := range m.h {
		for x := range m.w {
			a := int(m.a[y*m.w+x])
			if a == 0 || !(image.Point{x0 + x, y0 + y}).In(img.Rect) {
				continue
			}
			p := img.Pix[img.PixOffset(x0+x, y0+y):]
			for i, v := range [3]uint8{c.R, c.G, c.B} {
				p[i] = uint8((int(p[i])*(255-a) + int(v)*a) / 255)
			}
		}
	}
}
