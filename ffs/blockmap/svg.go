package blockmap

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"
)

// SVG draws the map as a scalable picture.
func (m *Map) SVG(w io.Writer) error {
	p := newPage(m)
	out := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="'Inter','Segoe UI','Helvetica Neue',Arial,sans-serif">`+"\n", pageWidth, p.height())
	fmt.Fprintf(out, "<title>%s</title>\n", escape(p.title))
	if p.l.cell >= gridCell {
		fmt.Fprintf(out, `<defs><pattern id="g" width="%d" height="%[1]d" patternUnits="userSpaceOnUse"><path d="M%[2]v 0V%[1]d M0 %[2]vH%[1]d" stroke="%[3]s"/></pattern></defs>`+"\n",
			p.l.cell, float64(p.l.cell)-0.5, hex(paper))
	}
	fmt.Fprintf(out, `<rect width="100%%" height="100%%" fill="%s"/>`+"\n", hex(paper))
	s := &svg{paths: map[color.NRGBA]*strings.Builder{}}
	p.draw(s)
	s.write(out)
	fmt.Fprint(out, "</svg>\n")
	return out.Flush()
}

// svg collects rectangles by colour, one path for each, and what lies over them.
type svg struct {
	paths map[color.NRGBA]*strings.Builder
	order []color.NRGBA
	over  strings.Builder
}

func (s *svg) rect(x, y, w, h int, c color.NRGBA) {
	b := s.paths[c]
	if b == nil {
		b = &strings.Builder{}
		s.paths[c] = b
		s.order = append(s.order, c)
	}
	fmt.Fprintf(b, "M%d %dh%dv%dh-%dz", x, y, w, h, w)
}

func (s *svg) grid(x, y, w, h, step int) {
	fmt.Fprintf(&s.over, `<g transform="translate(%d %d)"><rect width="%d" height="%d" fill="url(#g)"/></g>`+"\n", x, y, w, h)
}

func (s *svg) text(x, y int, size float64, style textStyle, c color.NRGBA, text string) {
	if text == "" {
		return
	}
	extra := ""
	if style&bold != 0 {
		extra += ` font-weight="700"`
	}
	if style&right != 0 {
		extra += ` text-anchor="end"`
	}
	fmt.Fprintf(&s.over, `<text x="%d" y="%d" font-size="%v" fill="%s"%s>%s</text>`+"\n", x, y, size, hex(c), extra, escape(text))
}

func (s *svg) write(w io.Writer) {
	slices.SortFunc(s.order, func(a, b color.NRGBA) int { return strings.Compare(hex(a), hex(b)) })
	for _, c := range s.order {
		fmt.Fprintf(w, `<path fill="%s" shape-rendering="crispEdges" d="%s"/>`+"\n", hex(c), s.paths[c])
	}
	io.WriteString(w, s.over.String())
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// escape makes a text one that XML can hold.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(strings.ToValidUTF8(s, "?"))) // a Builder does not fail
	return b.String()
}
