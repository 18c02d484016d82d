package blockmap

import (
	"bufio"
	"fmt"
	"image/color"
	"io"
)

// Colours says what a terminal can show.
type Colours uint8

// What terminals can show.
const (
	Letters   Colours = iota // no colours
	Colour256                // the palette of xterm
	TrueColour
)

// A Terminal is what a map is printed on.
type Terminal struct {
	Columns int
	Rows    int // that the panels should take at most; more if there are more panels
	Colours Colours
}

const (
	termLabel  = 13 // columns of a panel's name
	termPanels = 48
)

// Shape is that of maps that fit the terminal. With colours a character has two cells, one above the other.
func (t Terminal) Shape() Shape {
	rows := max(4, t.Rows)
	return Shape{Panels: min(rows, termPanels), Cells: max(1, rows*t.height()*t.width())}
}

// width is the cells of a line, height those of a character.
func (t Terminal) width() int { return max(8, t.Columns-termLabel-1) }
func (t Terminal) height() int {
	if t.Colours == Letters {
		return 1
	}
	return 2
}

// Text prints the map for a terminal, with its totals, which are the legend.
func (m *Map) Text(w io.Writer, t Terminal) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s: %s\n", m.Name, m.Describe())
	for i, cells := range m.Panels {
		t.panel(out, m.PanelName(i), cells)
	}
	fmt.Fprintln(out)
	for k := range NumKinds {
		if m.Total[k] == 0 && k != Free {
			continue
		}
		n := m.Total[k] << m.Super.FShift
		fmt.Fprintf(out, " %s %-21s %10s %6.1f%%\n", t.swatch(k), k, Size(n), float64(m.Total[k])*100/float64(max(m.Super.Size, 1)))
	}
	fmt.Fprintf(out, "\n%s\n", m.termWords(t))
	for _, f := range m.Faults {
		fmt.Fprintln(out, "wrong:", f)
	}
	if more := m.NumFault - int64(len(m.Faults)); more > 0 {
		fmt.Fprintf(out, "wrong: and %d more\n", more)
	}
	return out.Flush()
}

// termWords is cellWords for a terminal.
func (m *Map) termWords(t Terminal) string {
	if t.Colours != Letters {
		return m.cellWords()
	}
	return fmt.Sprintf("A letter is %s; where uses mix, the one that matters most.", Size(m.Unit<<m.Super.FShift))
}

// panel prints a panel in as many lines as it needs, the name in front of the first.
func (t Terminal) panel(w io.Writer, name string, cells []Cell) {
	width := t.width()
	for from := 0; from < len(cells); from += width * t.height() {
		part := cells[from:min(len(cells), from+width*t.height())]
		fmt.Fprintf(w, "%-*s", termLabel, name)
		name = ""
		if t.Colours == Letters {
			for i := range part {
				k, _ := part[i].kind()
				io.WriteString(w, string(looks[k].letter))
			}
		} else {
			t.colourLine(w, part)
		}
		fmt.Fprintln(w)
	}
}

// colourLine prints two lines of cells in one of characters: the upper halves, and the lower ones behind them.
func (t Terminal) colourLine(w io.Writer, cells []Cell) {
	half := min(len(cells), t.width())
	for i := range half {
		upper := cells[i].colour()
		if half+i >= len(cells) {
			fmt.Fprintf(w, "\x1b[0m%s\u2580", t.escape(upper, true))
			continue
		}
		fmt.Fprintf(w, "%s%s\u2580", t.escape(upper, true), t.escape(cells[half+i].colour(), false))
	}
	io.WriteString(w, "\x1b[0m")
}

// swatch is a kind's mark in the legend.
func (t Terminal) swatch(k Kind) string {
	if t.Colours == Letters {
		return string(looks[k].letter)
	}
	return t.escape(looks[k].colour, true) + "\u2588\u2588\x1b[0m"
}

// escape is the code that sets the colour of characters, or that behind them.
func (t Terminal) escape(c color.NRGBA, front bool) string {
	base := 48
	if front {
		base = 38
	}
	if t.Colours == TrueColour {
		return fmt.Sprintf("\x1b[%d;2;%d;%d;%dm", base, c.R, c.G, c.B)
	}
	return fmt.Sprintf("\x1b[%d;5;%dm", base, cube(c))
}

// cube is the number of the nearest colour in xterm's cube of 6 by 6 by 6, or in its greys.
func cube(c color.NRGBA) int {
	step := func(v uint8) int {
		if v < 48 {
			return 0
		}
		if v < 115 {
			return 1
		}
		return (int(v) - 35) / 40
	}
	if hi, lo := max(c.R, c.G, c.B), min(c.R, c.G, c.B); hi-lo < 14 && hi > 8 && hi < 244 {
		return 232 + (int(hi)-8)/10
	}
	return 16 + 36*step(c.R) + 6*step(c.G) + step(c.B)
}
