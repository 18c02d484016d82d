package cgd

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
)

// cases are every algorithm with every kind of key and vector.
func cases() []Cipher {
	var all []Cipher
	for _, a := range algorithms {
		for bits := range 1024 {
			if !a.takes(bits) || a.name == "blowfish-cbc" && bits != 40 && bits != 128 && bits != 448 {
				continue
			}
			for _, iv := range ivMethods[:2] {
				all = append(all, Cipher{a.name, iv, bits, a.block * 8})
			}
		}
	}
	return all
}

// portable makes the transform that does without our assembly.
func portable(tb testing.TB, c Cipher, key []byte, sector int) transform {
	tb.Helper()
	var t transform
	var err error
	switch c.Algorithm {
	case "aes-cbc":
		t, err = portableAESCBC(c, key, sector)
	case "aes-xts":
		t, err = portableAESXTS(key, sector)
	default:
		a, _ := algorithmOf(c.Algorithm)
		t, err = a.make(c, key, sector)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func random(r *rand.ChaCha8, n int) []byte {
	p := make([]byte, n)
	r.Read(p)
	return p
}

// TestFastEqualsPortable runs both on random keys, sectors and sizes, in place and from one buffer to another, and
// looks beyond the ends of what is written.
func TestFastEqualsPortable(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	compared := 0
	for _, c := range cases() {
		for _, sector := range []int{512, 1024, 2048, 4096} {
			key := random(r, c.keyBytes())
			want := portable(t, c, key, sector)
			for name, got := range variants(c, key, sector) {
				compared++
				for _, sectors := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 40} {
					compare(t, name, got, want, random(r, sectors*sector), r.Uint64())
				}
				compare(t, name, got, want, random(r, 9*sector), 1<<64-5) // numbers that come round
			}
		}
	}
	if compared == 0 {
		t.Skip("no code of our own for this processor")
	}
}

// compare holds got against want in both directions on sectors of plain bytes.
func compare(t *testing.T, what string, got, want transform, plain []byte, first uint64) {
	t.Helper()
	n := len(plain)
	for _, dir := range []struct {
		name      string
		got, want func(dst, src []byte, first uint64)
	}{{what + ", encrypt", got.encrypt, want.encrypt}, {what + ", decrypt", got.decrypt, want.decrypt}} {
		expected := make([]byte, n)
		dir.want(expected, plain, first)
		room := bytes.Repeat([]byte{0xa5}, n+32)
		src := bytes.Clone(plain)
		dir.got(room[16:16+n], src, first)
		if !bytes.Equal(room[16:16+n], expected) {
			t.Fatalf("%s of %d bytes from sector %d: not what the portable code makes", dir.name, n, first)
		}
		if fence := bytes.Repeat([]byte{0xa5}, 16); !bytes.Equal(room[:16], fence) || !bytes.Equal(room[16+n:], fence) {
			t.Fatalf("%s of %d bytes from sector %d: wrote outside of its buffer", dir.name, n, first)
		}
		if !bytes.Equal(src, plain) {
			t.Fatalf("%s of %d bytes from sector %d: changed its source", dir.name, n, first)
		}
		dir.got(src, src, first)
		if !bytes.Equal(src, expected) {
			t.Fatalf("%s in place of %d bytes from sector %d: not what the portable code makes", dir.name, n, first)
		}
	}
}

// TestRoundTrip: what was encrypted as one run decrypts sector by sector, and the other way round, on many goroutines.
func TestRoundTrip(t *testing.T) {
	r := rand.NewChaCha8([32]byte{2})
	for _, c := range cases() {
		const sector, sectors = 512, 19
		a, _ := algorithmOf(c.Algorithm)
		tr, err := a.make(c, random(r, c.keyBytes()), sector)
		if err != nil {
			t.Fatal(err)
		}
		plain := random(r, sector*sectors)
		whole := make([]byte, len(plain))
		tr.encrypt(whole, plain, 1000)
		var wg sync.WaitGroup
		for i := range sectors {
			wg.Go(func() {
				p := bytes.Clone(plain[i*sector : (i+1)*sector])
				tr.encrypt(p, p, uint64(1000+i))
				if !bytes.Equal(p, whole[i*sector:(i+1)*sector]) {
					t.Errorf("%v: sector %d alone is not what it is among others", c, i)
				}
				tr.decrypt(p, p, uint64(1000+i))
				if !bytes.Equal(p, plain[i*sector:(i+1)*sector]) {
					t.Errorf("%v: sector %d does not come back", c, i)
				}
			})
		}
		wg.Wait()
		tr.decrypt(whole, whole, 1000)
		if !bytes.Equal(whole, plain) {
			t.Errorf("%v: the whole does not come back", c)
		}
	}
}

// TestNoAllocation: a transfer of many sectors makes nothing for each.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector a pool drops things at random")
	}
	for _, c := range cases() {
		a, _ := algorithmOf(c.Algorithm)
		p := make([]byte, 64*512)
		for name, tr := range map[string]transform{"": mustMake(t, a, c), "portable ": portable(t, c, make([]byte, c.keyBytes()), 512)} {
			got := testing.AllocsPerRun(2, func() { tr.encrypt(p, p, 0); tr.decrypt(p, p, 0) })
			if got > 2 { // the pool of a library may lose something to the collector
				t.Errorf("%s%v: %v allocations for twice 64 sectors, want none", name, c, got)
			}
		}
	}
}

func mustMake(tb testing.TB, a *algorithm, c Cipher) transform {
	tb.Helper()
	t, err := a.make(c, make([]byte, c.keyBytes()), 512)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestWipe: a transform that was wiped no longer has its key. Where the key is in our reach its bytes are zero, so that
// it transforms like a key of zeros or not at all.
func TestWipe(t *testing.T) {
	key := bytes.Repeat([]byte{0x5a}, 64)
	p := make([]byte, 512)
	for _, c := range cases() {
		for _, tr := range []transform{portable(t, c, key[:c.keyBytes()], 512), fastOf(t, c, key[:c.keyBytes()])} {
			tr.encrypt(p, p, 0)
			tr.wipe()
			if found := nonZero(reflect.ValueOf(tr), map[uintptr]bool{}); found != "" {
				t.Errorf("%v: %T still holds %s", c, tr, found)
			}
		}
	}
}

func fastOf(tb testing.TB, c Cipher, key []byte) transform {
	tb.Helper()
	a, err := algorithmOf(c.Algorithm)
	if err != nil {
		tb.Fatal(err)
	}
	t, err := a.make(c, key, 512)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// nonZero looks for arrays and slices of numbers, which is how keys are kept, that hold something else than zeros.
func nonZero(v reflect.Value, seen map[uintptr]bool) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return ""
		}
		seen[v.Pointer()] = true
		return nonZero(v.Elem(), seen)
	case reflect.Interface:
		return nonZero(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if found := nonZero(v.Field(i), seen); found != "" {
				return v.Type().Field(i).Name + "." + found
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			e := v.Index(i)
			if e.CanUint() && e.Uint() != 0 {
				return "a number"
			}
			if !e.CanUint() {
				if found := nonZero(e, seen); found != "" {
					return found
				}
			}
		}
	}
	return ""
}
