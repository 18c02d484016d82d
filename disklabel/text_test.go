package disklabel_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"rump/disklabel"
	"rump/internal/endian"
)

// only is the single label of a golden disk.
func only(t testing.TB, g golden) disklabel.Found {
	t.Helper()
	found, err := disklabel.Read(bytes.NewReader(g.image), g.size, disklabel.Options{})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: got %d labels, %v; want 1", g.name, len(found), err)
	}
	return found[0]
}

// limit is the greatest number of partitions on a golden's machine.
func limit(t testing.TB, g golden) int {
	t.Helper()
	m, ok := disklabel.MachineByName(g.machine)
	if !ok {
		t.Fatalf("no machine %s", g.machine)
	}
	return m.Max
}

// Labels print as NetBSD's tool prints them, byte for byte.
func TestTextGolden(t *testing.T) {
	for _, g := range goldens(t) {
		f := only(t, g)
		name := strings.TrimSuffix(strings.TrimPrefix(firstLine(g.text(t, "label")), "# "), ":")
		wantText(t, g.name, f.Text(name, false), g.text(t, "label"))
		wantText(t, g.name+" -C", f.Text(name, true), g.text(t, "label-C"))
		wantText(t, g.name+" -t", f.Disktab(), g.text(t, "label-t"))
		if r := f.Check(limit(t, g)); r.Errors != 0 || len(r.Lines) != 0 {
			t.Errorf("%s: check: %q", g.name, r.Lines)
		}
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func wantText(t testing.TB, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s: line %d:\ngot  %q\nwant %q", what, i+1, a, b)
			return
		}
	}
}

// The prototype that NetBSD's tool was given, and the text it printed, both read as the label it wrote.
func TestParseGolden(t *testing.T) {
	for _, g := range goldens(t) {
		f := only(t, g)
		want := g.image[f.Offset:]
		for kind, text := range map[string]string{
			"proto": g.text(t, "proto"), "label": g.text(t, "label"), "label-C": g.text(t, "label-C"),
			"own": f.Text("x", false), "own -C": f.Text("x", true), // what we print is what we read
		} {
			l, r := disklabel.Parse(strings.NewReader(text), g.order, limit(t, g))
			if r.Errors != 0 || len(r.Lines) != 0 {
				t.Errorf("%s %s: %q", g.name, kind, r.Lines)
			}
			b, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, want[:len(b)]) {
				t.Errorf("%s %s: label differs\ngot  %x\nwant %x", g.name, kind, b, want[:len(b)])
			}
		}
		if fromTab, err := disklabel.Disktab(strings.NewReader(g.text(t, "label-t")), f.Typename, g.order); err != nil {
			t.Errorf("%s: %v", g.name, err)
		} else {
			wantText(t, g.name+" by disktab", fromTab.Disktab(), g.text(t, "label-t"))
		}
	}
}

const geometry = `type: SCSI
bytes/sector: 512
sectors/track: 32
tracks/cylinder: 8
sectors/cylinder: 256
cylinders: 16
total sectors: 4096
rpm: 3600
interleave: 1
8 partitions:
`

// Each mistake is named with its line.
func TestParseMessages(t *testing.T) {
	tests := []struct {
		text   string
		want   []string
		errors int
	}{
		{"", nil, 0},
		{"# only a comment\n\n  \t\n", nil, 0},
		{"nonsense\n", []string{"line 11: syntax error"}, 1},
		{"nonsense: 1\n", []string{"line 11: unknown field: nonsense"}, 1},
		{"Type: SCSI\n", []string{"line 11: unknown field: Type"}, 1},
		{"type: scsi\n", nil, 0},
		{"type: 40\n", []string{"line 11: warning, unknown disk type: 40"}, 0},
		{"type: what\n", []string{"line 11: syntax error"}, 1},
		{"type: 70000\n", []string{"line 11: syntax error"}, 1},
		{"type:\n", nil, 0},
		{"flags: ECC wet removable\n", []string{"line 11: bad flag: wet"}, 1},
		{"drivedata: 1 2 x\n", []string{"line 11: bad drive data"}, 1},
		{"drivedata: 1 2 3 4 5 6\n", nil, 0},
		{"0 partitions:\n", []string{"line 11: bad # of partitions"}, 1},
		{"17 partitions:\n", []string{"line 11: bad # of partitions"}, 1},
		{"-1 partitions:\n", []string{"line 11: bad # of partitions"}, 1},
		{"partitions: 3\n", []string{"line 11: unknown field: partitions"}, 1},
		{"bytes/sector: 0\n", []string{"line 11: bad bytes/sector: 0"}, 1},
		{"bytes/sector: 513\n", []string{"line 11: bad bytes/sector: 513"}, 1},
		{"rpm: 65536\n", []string{"line 11: bad rpm: 65536"}, 1},
		{"rpm: 3600 turns\n", nil, 0},
		{"rpm: 3600turns\n", []string{"line 11: bad rpm: 3600turns"}, 1},
		{"cylinders: -5\n", []string{"line 11: bad cylinders: -5"}, 1},
		{"cylinders: +16\n", []string{"line 11: bad cylinders: +16"}, 1},
		{"interleave:\n", []string{"line 11: bad interleave: "}, 1},
		{"total sectors: 4294967296\n", []string{"line 11: bad total sectors: 4294967296"}, 1},
		{"sectors/unit: 4096\n", nil, 0},
		{"q: 1 2 unused 0 0\n", []string{"line 11: bad partition name: q"}, 1},
		{"a: 1\n", []string{"line 11: too few fields"}, 1},
		{"a:\n", []string{"line 11: too few fields"}, 1},
		{"a: 1 0\n", []string{"line 11: too few fields"}, 1},
		{"a: x 0 swap\n", []string{"line 11: invalid format"}, 1},
		{"a: 1 1/2 swap\n", []string{"line 11: invalid format"}, 1},
		{"a: 1 1/x/2 swap\n", []string{"line 11: invalid format"}, 1},
		{"a: 1 4294967295/0/0 swap\n", []string{"line 11: invalid format"}, 1},
		{"a: 2/1/3 1/0/0 swap\n", nil, 0},
		{"a: 100 0 4.2BSD\n", []string{"line 11: too few fields"}, 1},
		{"a: 100 0 4.2BSD 0\n", nil, 0},
		{"a: 100 0 4.2BSD 512\n", []string{"line 11: too few fields"}, 1},
		{"a: 100 0 4.2BSD 512 4096\n", []string{"line 11: too few fields"}, 1},
		{"a: 100 0 4.2BSD 1 4096 8\n", []string{"line 11: invalid format"}, 1},
		{"a: 100 0 4.2BSD 512 4096 70000\n", []string{"line 11: invalid format"}, 1},
		{"a: 100 0 4.2BSD 512 4096 8 and more\n", nil, 0},
		{"a: 100 0 unused 0\n", nil, 0},
		{"a: 100 0 unused 512\n", []string{"line 11: too few fields"}, 1},
		{"a: 100 0 Linux Ext2 1024 4096\n", nil, 0},
		{"a: 100 0 ISO9660\n", []string{"line 11: too few fields"}, 1},
		{"a: 100 0 Eighth Edition\n", nil, 0},
		{"a: 100 0 29\n", nil, 0},
		{"a: 100 0 4.2bsd 0 0\n", []string{"line 11: warning, unknown file system type: 4.2bsd", "tip: use -l to see all valid file system types"}, 0},
		{"a: 100 0 30\n", []string{"line 11: warning, unknown file system type: 30", "tip: use -l to see all valid file system types", "line 11: too few fields"}, 1},
		{"a: 5000 0 swap\n", []string{"partition a: partition extends past end of unit"}, 1},
		{"a: 0 5000 swap\n", []string{"warning, partition a: size 0, but offset 5000", "partition a: offset past end of unit", "partition a: partition extends past end of unit"}, 2},
		{"a: 100 0 swap\nb: 100 99 swap\n", []string{"partitions a and b overlap"}, 0},
		{"a: 100 0 swap\nb: 100 99 unused 0 0\n", nil, 0},
		{"j: 100 0 swap\n", []string{"warning, partition j increased number of partitions from 8 to 10"}, 0},
		{"sectors/track: 0\n", []string{"sectors/track 0"}, 1},
		{"tracks/cylinder: 0\n", []string{"tracks/cylinder 0"}, 1},
		{"cylinders: 0\nrpm: 0\n", []string{"cylinders/unit 0", "warning, revolutions/minute 0"}, 1},
		{"bytes/sector: 1536\n", []string{"warning, boot block size % sector-size != 0", "warning, super block size % sector-size != 0"}, 0},
		{"disk: " + strings.Repeat("x", 2000) + "\n", []string{"line 12: syntax error"}, 1},
		{strings.Repeat("#\n", 1<<19), []string{"text of more than 1048576 bytes"}, 1},
	}
	for _, tt := range tests {
		_, r := disklabel.Parse(strings.NewReader(geometry+tt.text), endian.Little, 16)
		if !slices.Equal(r.Lines, tt.want) || r.Errors != tt.errors {
			t.Errorf("%.40q: got %q, %d errors; want %q, %d", tt.text, r.Lines, r.Errors, tt.want, tt.errors)
		}
	}
	if _, r := disklabel.Parse(strings.NewReader(""), endian.Little, 16); !slices.Equal(r.Lines, []string{"sector size 0"}) || r.Errors != 1 {
		t.Errorf("empty text: got %q, %d errors", r.Lines, r.Errors)
	}
}

// What the tables leave out: marks past the disk, unknown types, all flags, drive data, wrapping sums.
func TestTextOddities(t *testing.T) {
	l := newLabel(endian.Little, 4096, partsOf('a', 5000, 100, 35, 'b', 10, 5000, 30, 'h', 1, 2, 6, 'i', 0, 9, 7))
	l.Type, l.Flags, l.DriveData = 99, 7, [5]uint32{0, 3}
	l.RPM, l.Interleave, l.TrackSkew, l.CylSkew, l.HeadSwitch, l.TrackSeek = 1, 2, 3, 4, 5, 6
	l.Typename = "a name of more than sixteen bytes"
	l.Partitions[2] = disklabel.Partition{Size: 1<<32 - 1, Offset: 2}
	text := l.Text("/dev/x", false)
	for _, want := range []string{
		"# /dev/x:\ntype: 99\ndisk: a name of more t\nlabel: test\nflags: removable ecc badsect\n", "drivedata: 0 3 \n\n16 partitions:\n",
		" a:      5000       100         35                     # (Cyl.      0*-      5+)\n",
		" b:        10      5000         30                     # (Cyl.      4+-      4+)\n",
		" c: 4294967295         2     unused      0     0        # (Cyl.      0*-      0*)\n",
		" h:         1         2 Eighth Edi                     # (Cyl.      0*-      0*)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, " i:") {
		t.Errorf("empty partition printed:\n%s", text)
	}
	want := "a name of more t|Automatically generated label:\\\n\t:dt=unknown99:se#512:ns#63:nt#16:sc#1008:nc#4:\\\n" +
		"\t:su#4096:rm#1:il#2:sk#3:cs#4:hs#5:ts#6:\\\n\t:pa#5000:oa#100:ta=unknown35:\\\n"
	if got := l.Disktab(); !strings.HasPrefix(got, want) {
		t.Errorf("disktab: got %q, want %q", got, want)
	}
	l.SectorsPerCyl = 0
	if got, want := l.PartitionText(7, true), " h:         1         2 Eighth Edi                    \n"; got != want {
		t.Errorf("without geometry: got %q, want %q", got, want)
	}
}

func TestFSTypes(t *testing.T) {
	got := disklabel.FSTypes()
	if len(got) != 30 || got[0] != "4.1BSD" || got[29] != "vinum" || !slices.IsSorted(got) {
		t.Errorf("got %q", got)
	}
}

func TestDisktab(t *testing.T) {
	const text = `# comment
floppy|flop|3.5in floppy:\
	:dt=floppy:ty=removable:se#512:nt#2:ns#18:nc#80:\
	:pa#2880:oa#0:ba#4096:fa#512:ta=4.2BSD:\
	:pc#0x0b40:oc#0:

big|a big one:ns#32:nt#010:nc#4:d1#7:sf:fa#1024:pa#64:tc=base:
base:se#1024:nc#9:rm#5400:te=msdos:pe#10:oe#64:
loop:ns#1:tc=loop:
ctype:pc#10:tc=4.2BSD:
bad:ns#x:
worse:pa#1:ta=what:
`
	l, err := disklabel.Disktab(strings.NewReader(text), "flop", endian.Big)
	if err != nil {
		t.Fatal(err)
	}
	a := disklabel.Partition{Size: 2880, FSType: 7, FSize: 512, Frag: 8}
	if l.Typename != "floppy" || l.Type != 10 || l.Flags != 1 || l.TotalSectors != 2880 || l.SectorsPerCyl != 36 ||
		!l.Order.IsBig() || l.RPM != 3600 || l.NPartitions != 3 || l.Partitions[0] != a || l.Partitions[2].Size != 2880 {
		t.Errorf("floppy: got %+v", l)
	}
	l, err = disklabel.Disktab(strings.NewReader(text), "big", endian.Little)
	if err != nil || l.SectorSize != 1024 || l.Cylinders != 4 || l.RPM != 5400 || l.NPartitions != 5 || l.DriveData[1] != 7 ||
		l.Partitions[4].FSType != 8 || l.Flags != 4 || l.TracksPerCyl != 8 || l.Partitions[0].Frag != 8 {
		t.Errorf("big: got %+v, %v", l, err)
	}
	if l, err = disklabel.Disktab(strings.NewReader(text), "ctype", endian.Little); err != nil || l.Partitions[2].FSType != 7 {
		t.Errorf("ctype: got %+v, %v", l, err)
	}
	if _, err = disklabel.Disktab(strings.NewReader(text), "loop", endian.Little); err != nil {
		t.Errorf("loop: %v", err)
	}
	for name, want := range map[string]string{
		"none": "unknown disk type: none", "bad": "disktab: bad: ns#x: not a number of 32 bits", "worse": "disktab: worse: ta=what: unknown type",
	} {
		if _, err := disklabel.Disktab(strings.NewReader(text), name, endian.Little); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.text(f, "proto"))
		f.Add(g.text(f, "label-C"))
	}
	f.Add(geometry + "a: 1/2/3 0 Linux Ext2 512 1024\ntype: 9\n")
	f.Fuzz(func(t *testing.T, s string) {
		l, r := disklabel.Parse(strings.NewReader(s), endian.Little, 16)
		if r.Errors != 0 {
			return
		}
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, ok := disklabel.Decode(b, endian.Little, disklabel.NetBSD)
		if !ok {
			t.Fatalf("%q: encoded to what is no label", s)
		}
		if got, want := again.Text("x", true), l.Text("x", true); got != want {
			t.Fatalf("%q: got %q, want %q", s, got, want)
		}
		if _, err := disklabel.Disktab(strings.NewReader(l.Disktab()), l.Typename, endian.Little); err != nil && !strings.ContainsAny(l.Typename, `|:\\#`) && strings.Trim(l.Typename, " \t") == l.Typename {
			t.Fatalf("%q: disktab: %v", s, err)
		}
	})
}
