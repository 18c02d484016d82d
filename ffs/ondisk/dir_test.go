package ondisk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
)

// dirKinds are superblocks for all the kinds of directory blocks.
func dirKinds(tb testing.TB) map[string]*ondisk.Super {
	kinds := map[string]*ondisk.Super{}
	for _, f := range flavours {
		kinds[f.String()] = build(tb, f, 4096, 512, 2)
	}
	apple := build(tb, flavours[1], 4096, 1024, 2)
	apple.Apple = true
	kinds["apple"] = apple
	return kinds
}

type file struct {
	ino ondisk.Ino
	typ ondisk.DirType
}

// list reads a directory block; the record lengths have to add up to the block.
func list(d ondisk.DirBlock) (map[string]file, error) {
	files := map[string]file{}
	sum := 0
	var e ondisk.Entry
	for off := 0; off < d.Len(); off += e.Len {
		var fault ondisk.DirFault
		if e, fault = d.At(off); fault != "" {
			return nil, d.Error(e, fault)
		}
		if e.Off != off {
			return nil, fmt.Errorf("entry at %d says it is at %d", off, e.Off)
		}
		sum += e.Len
		if e.Ino == 0 {
			continue
		}
		if _, twice := files[string(e.Name)]; twice {
			return nil, fmt.Errorf("%q is there twice", e.Name)
		}
		files[string(e.Name)] = file{e.Ino, e.Type}
	}
	if sum != d.Len() {
		return nil, fmt.Errorf("records add up to %d", sum)
	}
	return files, nil
}

func TestDirBlockAgainstModel(t *testing.T) {
	for kind, s := range dirKinds(t) {
		t.Run(kind, func(t *testing.T) {
			for seed := range uint64(20) {
				r := random(seed)
				block := randomBytes(r, make([]byte, 4096))
				d := s.DirBlockIn(block)
				d.Init()
				want := map[string]file{}
				for n := range 300 {
					stepDir(t, d, want, r, s.DirEntryOld())
					got, err := list(d)
					if err != nil {
						t.Fatalf("seed %d, step %d: %v", seed, n, err)
					}
					if !equalFiles(got, want) {
						t.Fatalf("seed %d, step %d:\ngot  %v\nwant %v", seed, n, got, want)
					}
				}
				if !bytes.Equal(block[d.Len():], randomTail(seed, d.Len())) {
					t.Fatalf("seed %d: bytes behind the block changed", seed)
				}
			}
		})
	}
}

func randomTail(seed uint64, n int) []byte { return randomBytes(random(seed), make([]byte, 4096))[n:] }

func equalFiles(a, b map[string]file) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// stepDir inserts, removes, compacts or looks up, in both.
func stepDir(t *testing.T, d ondisk.DirBlock, want map[string]file, r *rand.Rand, old bool) {
	t.Helper()
	used := 0
	for name := range want {
		used += ondisk.DirSize(len(name))
	}
	switch op := r.IntN(10); {
	case op < 5:
		name := strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(40)*r.IntN(7))
		if len(name) > ondisk.MaxNameLen {
			name = name[:ondisk.MaxNameLen]
		}
		if _, exists := want[name]; exists {
			return
		}
		f := file{ondisk.Ino(2 + r.Uint32N(1<<30)), ondisk.TypeRegular}
		off, ok := d.Insert(f.ino, f.typ, []byte(name))
		if fits := used+ondisk.DirSize(len(name)) <= d.Len(); ok != fits {
			t.Fatalf("insert of %d bytes into %d used: %v, want %v", len(name), used, ok, fits)
		}
		if !ok {
			return
		}
		if e, fault := d.At(off); fault != "" || string(e.Name) != name || e.Ino != f.ino {
			t.Fatalf("inserted %q at %d, there is %q, %s", name, off, e.Name, fault)
		}
		if old {
			f.typ = ondisk.TypeUnknown
		}
		want[name] = f
	case op < 9:
		for name := range want {
			e, ok := d.Find([]byte(name))
			if !ok {
				t.Fatalf("%q is not found", name)
			}
			d.Remove(e.Off)
			delete(want, name)
			if _, ok := d.Find([]byte(name)); ok {
				t.Fatalf("%q is found after Remove", name)
			}
			break
		}
	default:
		d.Compact()
		piece, all, ok := d.Room()
		if !ok || piece != all || all != d.Len()-used {
			t.Fatalf("after Compact room %d of %d, want %d", piece, all, d.Len()-used)
		}
	}
}

func TestDirEntryBytes(t *testing.T) {
	for _, c := range []struct {
		f    flavour
		want string
	}{
		{flavours[2], "\x44\x33\x22\x11\x00\x02\x04\x03abc\x00"},
		{flavours[3], "\x11\x22\x33\x44\x02\x00\x04\x03abc\x00"},
		{flavours[0], "\x44\x33\x22\x11\x00\x02\x03\x00abc\x00"}, // the length where the type is now
		{flavours[1], "\x11\x22\x33\x44\x02\x00\x00\x03abc\x00"},
	} {
		s := build(t, c.f, 4096, 512, 2)
		b := bytes.Repeat([]byte{0xee}, 512)
		d := s.DirBlockIn(b)
		d.Put(0, 512, 0x11223344, ondisk.TypeDir, []byte("abc"))
		if got := string(b[:12]); got != c.want {
			t.Errorf("%v: got %q, want %q", c.f, got, c.want)
		}
		e, fault := d.At(0)
		if fault != "" || e.Ino != 0x11223344 || string(e.Name) != "abc" || e.Len != 512 || e.Room() != 500 || !e.Live() {
			t.Errorf("%v: %+v %s", c.f, e, fault)
		}
		d.SetType(0, ondisk.TypeSocket)
		d.SetIno(0, 7)
		e, _ = d.At(0)
		if want := map[bool]ondisk.DirType{true: ondisk.TypeUnknown, false: ondisk.TypeSocket}[c.f.old]; e.Type != want || e.Ino != 7 || string(e.Name) != "abc" {
			t.Errorf("%v: after setting type and inode: %+v", c.f, e)
		}
	}
}

func TestInitDots(t *testing.T) {
	for kind, s := range dirKinds(t) {
		d := s.DirBlockIn(randomBytes(random(9), make([]byte, 1024)))
		d.InitDots(100, 5)
		a, _ := d.At(0)
		b, fault := d.At(a.Len)
		if fault != "" || string(a.Name) != "." || a.Ino != 100 || a.Len != 12 || string(b.Name) != ".." || b.Ino != 5 || b.Len != d.Len()-12 {
			t.Errorf("%s: %+v, %+v", kind, a, b)
		}
		if !d.IsEmpty(100, 5) || d.IsEmpty(100, 6) || d.IsEmpty(99, 5) {
			t.Errorf("%s: emptiness of dots alone", kind)
		}
		off, ok := d.Insert(9, ondisk.TypeRegular, []byte("f"))
		if !ok || d.IsEmpty(100, 5) {
			t.Errorf("%s: empty with a file", kind)
		}
		if !s.DirEntryOld() {
			d.SetWhiteout(off)
			e, fault := d.At(off)
			if fault != "" || !e.Whited || e.Live() || !d.IsEmpty(100, 5) {
				t.Errorf("%s: whiteout %+v %s, empty %v", kind, e, fault, d.IsEmpty(100, 5))
			}
		}
	}
}

func TestDirFaults(t *testing.T) {
	for _, f := range flavours {
		s := build(t, f, 4096, 512, 2)
		o := byteOrder(f.order)
		namelen := func(b []byte, n int) {
			if f.old {
				o.PutUint16(b[6:], uint16(n))
			} else {
				b[7] = byte(n)
			}
		}
		for _, c := range []struct {
			name  string
			edit  func(b []byte)
			fault ondisk.DirFault
		}{
			{"record 0", func(b []byte) { o.PutUint16(b[4:], 0) }, ondisk.FaultReclen},
			{"record 8", func(b []byte) { o.PutUint16(b[4:], 8) }, ondisk.FaultReclen},
			{"record odd", func(b []byte) { o.PutUint16(b[4:], 22) }, ondisk.FaultReclen},
			{"record too long", func(b []byte) { o.PutUint16(b[4:], 504) }, ondisk.FaultReclen},
			{"record huge", func(b []byte) { o.PutUint16(b[4:], 0xfffc) }, ondisk.FaultReclen},
			{"name too long for its record", func(b []byte) { o.PutUint16(b[4:], 12); namelen(b, 4) }, ondisk.FaultNamelen},
			{"free, name too long for its record", func(b []byte) { o.PutUint32(b, 0); o.PutUint16(b[4:], 12); namelen(b, 4) }, ondisk.FaultNamelen},
			{"NUL inside", func(b []byte) { b[9] = 0 }, ondisk.FaultName},
			{"no NUL behind", func(b []byte) { b[11] = 'x' }, ondisk.FaultUnended},
			{"free, no NUL behind", func(b []byte) { o.PutUint32(b, 0); b[11] = 'x' }, ""},
		} {
			b := make([]byte, 512)
			d := s.DirBlockIn(b)
			d.Put(0, 12, 5, ondisk.TypeRegular, []byte("one"))
			d.Put(12, 500, 6, ondisk.TypeRegular, []byte("two"))
			c.edit(b[12:])
			e, fault := d.At(12)
			if fault != c.fault {
				t.Errorf("%v: %s: fault %q, want %q", f, c.name, fault, c.fault)
			}
			if c.fault == "" {
				continue
			}
			if err := d.Error(e, fault); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), string(fault)) || !strings.Contains(err.Error(), "at byte 12") {
				t.Errorf("%v: %s: %v", f, c.name, err)
			}
			before := bytes.Clone(b)
			_, inserted := d.Insert(7, ondisk.TypeRegular, []byte("three"))
			d.Compact()
			if _, _, ok := d.Room(); ok || inserted || !bytes.Equal(b, before) {
				t.Errorf("%v: %s: a block with a fault is changed", f, c.name)
			}
			if _, ok := d.Find([]byte("one")); !ok {
				t.Errorf("%v: %s: what stands before the fault is not found", f, c.name)
			}
			if d.IsEmpty(5, 5) {
				t.Errorf("%v: %s: empty", f, c.name)
			}
		}
		b := make([]byte, 512) // four bytes are left for the last entry
		d := s.DirBlockIn(b)
		d.Put(0, 508, 5, ondisk.TypeRegular, []byte("one"))
		e, fault := d.At(508)
		if fault != ondisk.FaultReclen || d.Error(e, fault) == nil {
			t.Errorf("%v: entry of 4 bytes: %q", f, fault)
		}
	}
}

func TestInsertRefuses(t *testing.T) {
	s := build(t, flavours[4], 4096, 512, 2)
	d := s.DirBlockIn(make([]byte, 512))
	d.Init()
	for _, n := range []int{0, 256, 1000} {
		if _, ok := d.Insert(5, 0, bytes.Repeat([]byte("x"), n)); ok {
			t.Errorf("a name of %d bytes is inserted", n)
		}
	}
	if off, ok := d.Insert(5, 0, bytes.Repeat([]byte("x"), 255)); !ok || off != 0 {
		t.Errorf("a name of 255 bytes: %d, %v", off, ok)
	}
}

func TestDirSize(t *testing.T) {
	for n, want := range map[int]int{0: 12, 1: 12, 3: 12, 4: 16, 7: 16, 8: 20, 255: 264} {
		if got := ondisk.DirSize(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

func TestDirTypes(t *testing.T) {
	for typ, mode := range map[ondisk.DirType]uint16{
		ondisk.TypeFIFO: ondisk.ModeFIFO, ondisk.TypeChar: ondisk.ModeChar, ondisk.TypeDir: ondisk.ModeDir, ondisk.TypeBlock: ondisk.ModeBlock,
		ondisk.TypeRegular: ondisk.ModeRegular, ondisk.TypeSymlink: ondisk.ModeSymlink, ondisk.TypeSocket: ondisk.ModeSocket, ondisk.TypeWhiteout: ondisk.ModeWhiteout,
	} {
		if got := ondisk.TypeOf(mode | 0o777); got != typ || typ.Mode() != mode {
			t.Errorf("mode %o: type %d, want %d; back %o", mode, got, typ, typ.Mode())
		}
	}
}
