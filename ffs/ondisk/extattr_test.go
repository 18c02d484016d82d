package ondisk_test

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

func TestExtAttrBytes(t *testing.T) {
	got := ondisk.AppendExtAttr(endian.Big, nil, ondisk.NamespaceUser, []byte("ab"), []byte("content!x"))
	want := "\x00\x00\x00\x20\x01\x07\x02ab" + strings.Repeat("\x00", 7) + "content!x" + strings.Repeat("\x00", 7)
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if n := ondisk.ExtAttrSize(2, 9); n != len(got) {
		t.Errorf("size %d, want %d", n, len(got))
	}
}

func TestExtAttrRoundTrip(t *testing.T) {
	r := random(11)
	for _, o := range []endian.Order{endian.Little, endian.Big} {
		var area []byte
		type attr struct {
			ns            uint8
			name, content []byte
		}
		var attrs []attr
		for range 200 {
			a := attr{uint8(1 + r.IntN(2)), randomBytes(r, make([]byte, 1+r.IntN(255))), randomBytes(r, make([]byte, r.IntN(40)))}
			attrs = append(attrs, a)
			area = ondisk.AppendExtAttr(o, area, a.ns, a.name, a.content)
		}
		off := 0
		for i, want := range attrs {
			a, err := ondisk.ExtAttrAt(o, area, off)
			if err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			if a.Namespace != want.ns || !bytes.Equal(a.Name, want.name) || !bytes.Equal(a.Content, want.content) || a.Off != off {
				t.Fatalf("record %d: %+v, want %+v", i, a, want)
			}
			off += a.Len
		}
		if off != len(area) {
			t.Errorf("records end at %d of %d", off, len(area))
		}
	}
}

func TestExtAttrFaults(t *testing.T) {
	good := ondisk.AppendExtAttr(endian.Little, nil, 1, []byte("name"), []byte("0123456789"))
	edit := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		area []byte
		off  int
		text string
	}{
		{"length 0", edit(0, 0), 0, "length 0"},
		{"length odd", edit(0, 20), 0, "length 20"},
		{"length past the end", edit(0, 40), 0, "length 40"},
		{"length huge", edit(3, 0xff), 0, "length"},
		{"no name", edit(6, 0), 0, "name length 0"},
		{"name past the end", edit(6, 255), 0, "name length 255"},
		{"padding", edit(5, 8), 0, "padding 8"},
		{"behind the end", good, len(good), "bytes left"},
		{"before the beginning", good, -8, "bytes left"},
		{"cut", good[:7], 0, "bytes left of the area 7"},
	} {
		_, err := ondisk.ExtAttrAt(endian.Little, c.area, c.off)
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAppleLabel(t *testing.T) {
	for name, want := range map[string]string{"appleufs-be": "Golden Volume", "appleufs-le": "Golden"} {
		b := golden(t, name, ondisk.AppleLabelOffset+ondisk.AppleLabelSize)[ondisk.AppleLabelOffset:]
		l, ok := ondisk.DecodeAppleLabel(b)
		if !ok || l.Name != want {
			t.Errorf("%s: %+v, %v", name, l, ok)
		}
		img := append(make([]byte, ondisk.AppleLabelOffset), b...)
		if r, ok := ondisk.ReadAppleLabel(bytes.NewReader(img), int64(len(img))); !ok || r != l {
			t.Errorf("%s: read %+v, %v", name, r, ok)
		}
		for _, n := range []int{0, ondisk.AppleLabelOffset, len(img) - 1} {
			_, short := ondisk.ReadAppleLabel(bytes.NewReader(img), int64(n))
			_, cut := ondisk.ReadAppleLabel(bytes.NewReader(img[:n]), int64(len(img)))
			if short || cut {
				t.Errorf("%s: read from a volume of %d bytes", name, n)
			}
		}
		again := make([]byte, ondisk.AppleLabelSize)
		l.Encode(again)
		if i := diffAt(again, b); i >= 0 {
			t.Errorf("%s: byte %d: got %#x, want %#x", name, i, again[i], b[i])
		}
		for _, at := range []int{0, 4, 17, 20, 1023} {
			bad := bytes.Clone(b)
			bad[at] ^= 0x40
			if _, ok := ondisk.DecodeAppleLabel(bad); ok {
				t.Errorf("%s: accepted with byte %d changed", name, at)
			}
		}
		if _, ok := ondisk.DecodeAppleLabel(b[:1000]); ok {
			t.Errorf("%s: accepted cut", name)
		}
	}
	long := ondisk.AppleLabel{Name: strings.Repeat("n", 600), UUID: 7}
	b := make([]byte, ondisk.AppleLabelSize)
	long.Encode(b)
	if l, ok := ondisk.DecodeAppleLabel(b); !ok || l.Name != long.Name[:512] || l.UUID != 7 {
		t.Errorf("name of 600 bytes: %d, %v", len(l.Name), ok)
	}
	if _, ok := ondisk.DecodeAppleLabel(make([]byte, 1024)); ok {
		t.Error("zeros are a label")
	}
}
