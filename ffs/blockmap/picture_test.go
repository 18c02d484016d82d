package blockmap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"

	"rump/ffs/blockmap"
	"rump/ffs/ondisk"
	"rump/tests/golden"
)

// damaged is a volume with two owners of a block, lost fragments and a lost group.
func damaged(tb testing.TB) *blockmap.Map {
	tb.Helper()
	dev := golden.Load(tb, "tree-ufs2-be-8192-1024")
	s := survey(tb, dev, blockmap.Shape{}).Super
	inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.DB[1] = in.DB[0]; in.Size += int64(s.BSize) })
	group(tb, dev, s, 1, func(g *ondisk.Group) { clearMap(g.FreeMap()[100:120], 0) })
	if _, err := dev.WriteAt(make([]byte, 512), s.FragOffset(s.CgHeader(2))); err != nil {
		tb.Fatal(err)
	}
	m := survey(tb, dev, blockmap.PictureShape)
	m.Name = `evil <&"'> ` + "\x01\xff" + strings.Repeat("long ", 40)
	return m
}

// maps are maps of all shapes.
func maps(tb testing.TB) map[string]*blockmap.Map {
	tb.Helper()
	list := map[string]*blockmap.Map{"damaged": damaged(tb)}
	for _, name := range []string{"one-cg", "many-cg-ufs2", "frag-ufs1", "tree-ufs1-le-4096-4096", "appleufs-be"} {
		list[name] = survey(tb, golden.Load(tb, name), blockmap.PictureShape)
		list[name].Name = name
		list[name+" in one cell"] = survey(tb, golden.Load(tb, name), blockmap.Shape{Panels: 1, Cells: 1})
	}
	return list
}

// TestSVG draws XML that is well formed, with each kind's colour and all words.
func TestSVG(t *testing.T) {
	for name, m := range maps(t) {
		var out bytes.Buffer
		if err := m.SVG(&out); err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		svg := out.String()
		for k := range blockmap.NumKinds {
			c := k.Colour()
			has := strings.Contains(svg, ">"+k.String()+"<")
			if want := m.Total[k] > 0 || k == blockmap.Free; has != want {
				t.Errorf("%s: %v in the legend: %v, want %v (%v)", name, k, has, want, c)
			}
		}
		if wrong := strings.Contains(svg, "#e01b24"); wrong != (name == "damaged") {
			t.Errorf("%s: red in the picture: %v", name, wrong)
		}
		if out.Len() > 4<<20 {
			t.Errorf("%s: %d bytes", name, out.Len())
		}
	}
}

// TestPNG draws pictures that decode, of a size that fits a screen, and looks for the colours of what is in them.
func TestPNG(t *testing.T) {
	for name, m := range maps(t) {
		if name != "damaged" && (testing.Short() || name != "frag-ufs1" && name != "many-cg-ufs2 in one cell") {
			continue
		}
		var out bytes.Buffer
		if err := m.PNG(&out); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&out)
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != 2400 || b.Dy() < 400 || b.Dy() > 3400 {
			t.Errorf("%s: %v", name, b)
		}
		seen := colours(img)
		for k := range blockmap.NumKinds {
			if c := k.Colour(); m.Total[k] > 0 && seen[c] == 0 {
				t.Errorf("%s: nothing in the colour of %v", name, k)
			}
		}
		if dark := seen[color.NRGBA{0x1f, 0x29, 0x33, 0xff}]; dark < 500 {
			t.Errorf("%s: %d pixels of ink: no letters", name, dark)
		}
	}
}

func colours(img image.Image) map[color.NRGBA]int {
	seen := map[color.NRGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			seen[color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)]++
		}
	}
	return seen
}

// TestText prints a map in letters.
func TestText(t *testing.T) {
	term := blockmap.Terminal{Columns: 60, Rows: 8}
	m := survey(t, golden.Load(t, "one-cg"), term.Shape())
	m.Name = "one.img"
	var out bytes.Buffer
	if err := m.Text(&out, term); err != nil {
		t.Fatal(err)
	}
	want := `one.img: UFS2, little-endian, 3 MiB, 1 cylinder group, block 65536, fragment 8192, 55 files, 9 directories, clean
cg 0         bbbbSbbbSSSSHHHHIIiisDffDfffffffffffffffffffff
             fffffffffDDfffFFFFffDDDfffffff................
`
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range []string{" D directories               72 KiB    2.3%", " S superblocks", "A letter is 16 KiB; where uses mix"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "cg") && len(line) > 61 {
			t.Errorf("too long: %q", line)
		}
	}
}

// TestTextColours prints the same in colours: as many halves of characters as there are cells, and everything ends uncoloured.
func TestTextColours(t *testing.T) {
	for _, c := range []blockmap.Colours{blockmap.Colour256, blockmap.TrueColour} {
		term := blockmap.Terminal{Columns: 100, Rows: 30, Colours: c}
		m := survey(t, golden.Load(t, "frag-ufs1"), term.Shape())
		var out bytes.Buffer
		if err := m.Text(&out, term); err != nil {
			t.Fatal(err)
		}
		cells, halves := 0, 0
		for _, p := range m.Panels {
			cells += len(p)
		}
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, "\u2580") {
				continue
			}
			halves += strings.Count(line, "[38;") + strings.Count(line, "[48;")
			if !strings.HasSuffix(line, "\x1b[0m\n") {
				t.Errorf("a line ends coloured: %q", line)
			}
		}
		if halves != cells {
			t.Errorf("%d halves for %d cells", halves, cells)
		}
	}
}

// TestFaultsInText tells what is wrong, first things first.
func TestFaultsInText(t *testing.T) {
	m := damaged(t)
	var out bytes.Buffer
	if err := m.Text(&out, blockmap.Terminal{Columns: 80, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if strings.Count(got, "wrong: ") != min(int(m.NumFault), 21) || !strings.Contains(got, "has another owner") || !strings.Contains(got, " ! bad or claimed twice") {
		t.Errorf("got\n%s", got)
	}
}

// TestTerminals fits every terminal.
func TestTerminals(t *testing.T) {
	dev := golden.Load(t, "many-cg-ufs2")
	for _, term := range []blockmap.Terminal{{}, {Columns: 1, Rows: 1}, {Columns: 20, Rows: 3}, {Columns: 400, Rows: 200}, {Columns: 80, Rows: 24, Colours: blockmap.Colour256}} {
		m := survey(t, dev, term.Shape())
		var out bytes.Buffer
		if err := m.Text(&out, term); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "cg "); lines > max(4, term.Rows) {
			t.Errorf("%+v: %d lines of panels", term, lines)
		}
	}
}

// TestSize says sizes in few letters.
func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 20: "1 MiB", 1<<20 - 1: "1.0 MiB", 5 << 40: "5 TiB", 1 << 62: "4 EiB"} {
		if got := blockmap.Size(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

// TestFailingWriter gives the writer's error.
func TestFailingWriter(t *testing.T) {
	m := survey(t, golden.Load(t, "one-cg"), blockmap.PictureShape)
	for _, draw := range []func(io.Writer) error{m.SVG, m.PNG, func(w io.Writer) error { return m.Text(w, blockmap.Terminal{}) }} {
		if err := draw(full{}); !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
