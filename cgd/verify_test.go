package cgd_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

// label is a disk label with partitions.
func label(order binary.ByteOrder, parts int) []byte {
	p := make([]byte, 148+parts*16)
	order.PutUint32(p, 0x82564557)
	order.PutUint32(p[132:], 0x82564557)
	order.PutUint16(p[138:], uint16(parts))
	copy(p[8:], "fictitious")
	sum := uint16(0)
	for i := 0; i < len(p); i += 2 {
		sum ^= order.Uint16(p[i:])
	}
	order.PutUint16(p[136:], sum)
	return p
}

func gptHeader() []byte {
	p := make([]byte, 92)
	copy(p, "EFI PART")
	binary.LittleEndian.PutUint32(p[8:], 0x10000)
	binary.LittleEndian.PutUint32(p[12:], 92)
	binary.LittleEndian.PutUint64(p[24:], 1)
	binary.LittleEndian.PutUint32(p[16:], crc32.ChecksumIEEE(p))
	return p
}

func put32(order binary.ByteOrder, v uint32) []byte {
	p := make([]byte, 4)
	order.PutUint32(p, v)
	return p
}

// contents are what each verify method accepts: bytes at a place of an otherwise empty disk.
var contents = []struct {
	method string
	at     int
	bytes  []byte
}{
	{"disklabel", 512, label(binary.LittleEndian, 16)},
	{"disklabel", 64, label(binary.BigEndian, 8)},
	{"disklabel", 8192 - 148 - 3*16, label(binary.LittleEndian, 3)},
	{"ffs", 65536 + 1372, put32(binary.LittleEndian, 0x19540119)},
	{"ffs", 8192 + 1372, put32(binary.BigEndian, 0x011954)},
	{"ffs", 1372, put32(binary.LittleEndian, 0x011954)},
	{"ffs", 262144 + 1372, put32(binary.BigEndian, 0x19540119)},
	{"mbr", 510, []byte{0x55, 0xaa}},
	{"gpt", 512, gptHeader()},
	{"gpt", 1024, gptHeader()},
	{"gpt", 2048, gptHeader()},
	{"gpt", 4096, gptHeader()},
}

func TestVerify(t *testing.T) {
	for _, c := range contents {
		for _, size := range []int64{1 << 20, int64(c.at+len(c.bytes)+511) &^ 511} {
			for _, sector := range []int{512, 4096} {
				m, err := blockdev.NewMemorySectors((size+int64(sector)-1)&^int64(sector-1), sector)
				if err != nil {
					t.Fatal(err)
				}
				for _, method := range []string{c.method, "none", "re-enter"} {
					err := cgd.Verify(m, method)
					var wrong *cgd.VerifyError
					if looks := method == c.method; looks && !errors.As(err, &wrong) || !looks && err != nil {
						t.Errorf("%s on an empty disk of %d bytes: got %v", method, size, err)
					}
				}
				whole := m.Bytes()
				copy(whole[c.at:], c.bytes)
				if _, err := m.WriteAt(whole, 0); err != nil {
					t.Fatal(err)
				}
				if err := cgd.Verify(m, c.method); err != nil {
					t.Errorf("%s with its bytes at %d of %d: %v", c.method, c.at, size, err)
				}
				for bit := range len(c.bytes) * 8 { // whatever is changed in what is looked at is noticed
					if c.method == "gpt" || c.method == "disklabel" || bit < 16 {
						whole[c.at+bit/8] ^= 1 << (bit % 8)
						changed := blockdev.NewMemoryFrom(whole)
						whole[c.at+bit/8] ^= 1 << (bit % 8)
						if err := cgd.Verify(changed, c.method); err == nil {
							t.Errorf("%s with bit %d changed: no error", c.method, bit)
							break
						}
					}
				}
			}
		}
	}
}

// TestVerifyHostile: any beginning of a disk is an answer, no panic; and an I/O error is not a wrong passphrase.
func TestVerifyHostile(t *testing.T) {
	whole := slices.Concat(label(binary.LittleEndian, 16)[:146], make([]byte, 366), gptHeader())
	binary.LittleEndian.PutUint16(whole[138:], 0xffff)
	for size := 0; size <= len(whole); size += 512 {
		m := blockdev.NewMemoryFrom(whole[:size])
		for _, method := range cgd.VerifyMethods() {
			var wrong *cgd.VerifyError
			if err := cgd.Verify(m, method); err != nil && !errors.As(err, &wrong) {
				t.Errorf("%s on %d bytes: %v", method, size, err)
			}
		}
	}
	f := blockdev.NewFaulty(blockdev.NewMemory(1<<20), blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpRead, 1, 100, syscall.EIO)})
	for _, method := range []string{"disklabel", "ffs", "mbr", "gpt"} {
		if err := cgd.Verify(f, method); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s on a disk that cannot be read: got %v, want %v", method, err, syscall.EIO)
		}
	}
	if err := cgd.Verify(f, "zfs"); err == nil || !strings.Contains(err.Error(), `unknown verify method "zfs", known are none,`) {
		t.Errorf("zfs: got %v", err)
	}
}

const pbkdf2Params = "algorithm aes-cbc;\nverify_method %s;\nkeygen pkcs5_pbkdf2/sha1 {\niterations 10;\nsalt " + salt16 + "\n}\n"

// TestOpen: a wrong passphrase with each verify method, then the right one; the prompts; and nothing is written.
func TestOpen(t *testing.T) {
	for _, c := range contents {
		below := encrypted(t, c.at, c.bytes)
		before := below.Bytes()
		p := mustParse(t, fmt.Sprintf(pbkdf2Params, c.method))
		for _, once := range []bool{false, true} {
			who := &typist{answers: []string{"wrong", "bad", "right"}}
			warned := 0
			d, err := cgd.Open(context.Background(), below, p, cgd.OpenOptions{
				Keys: &cgd.KeyMaker{Ask: who.ask}, Name: "disk.img", Once: once, Warn: func(string) { warned++ },
			})
			retries := !once && c.method != "mbr" && c.method != "gpt"
			if retries {
				if err != nil || warned != 2 || !slices.Equal(who.prompts, []string{"disk.img's passphrase:", "disk.img's passphrase:", "disk.img's passphrase:"}) {
					t.Errorf("%s: got %v after %d warnings and %q; want two warnings", c.method, err, warned, who.prompts)
				}
				if d != nil && d.Detach() != blockdev.Device(below) {
					t.Error("the disk below has changed")
				}
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), "verification failed permanently: verify method "+c.method+": ") || len(who.prompts) != 1 || warned != 0 {
				t.Errorf("%s, once %t: got %v after %d prompts and %d warnings", c.method, once, err, len(who.prompts), warned)
			}
		}
		if !slices.Equal(below.Bytes(), before) {
			t.Errorf("%s: the disk below has changed", c.method)
		}
	}
}

// encrypted is a disk, made with the passphrase "right", that holds bytes at a place.
func encrypted(tb testing.TB, at int, content []byte) *blockdev.Memory {
	tb.Helper()
	below := blockdev.NewMemory(1 << 19)
	m := cgd.KeyMaker{Ask: (&typist{answers: []string{"right"}}).ask}
	d, err := cgd.Open(context.Background(), below, mustParse(tb, fmt.Sprintf(pbkdf2Params, "none")), cgd.OpenOptions{Keys: &m})
	if err != nil {
		tb.Fatal(err)
	}
	whole := make([]byte, below.Size())
	copy(whole[at:], content)
	if _, err := d.WriteAt(whole, 0); err != nil {
		tb.Fatal(err)
	}
	d.Detach()
	return below
}

// TestReenter: both passphrases must agree, also where a random key or a shared one is in the sum.
func TestReenter(t *testing.T) {
	const keygen = "keygen pkcs5_pbkdf2/sha1 {\niterations 10;\nsalt " + salt16 + "\n}\n"
	const shared = "keygen pkcs5_pbkdf2/sha1 {\niterations 10;\nsalt " + salt16 + "\nshared a algorithm hkdf-hmac-sha256 subkey " + salt16 + "\n}\n"
	for _, c := range []struct {
		keygens string
		answers []string
		once    bool
		prompts string // s for the passphrase, r for asking again
		fails   string
	}{
		{keygen, []string{"a", "a"}, false, "sr", ""},
		{keygen, []string{"a", "b", "c", "c"}, false, "srsr", ""},
		{keygen, []string{"a", "b"}, true, "sr", "verification failed permanently: the passphrases differ"},
		{keygen, []string{"a"}, false, "sr", "line 3: nobody answers"},
		{keygen + "keygen randomkey;\n", []string{"a", "a"}, false, "sr", ""},
		{keygen + keygen, []string{"a", "b", "a", "b"}, false, "ssrr", ""},
		{keygen + keygen, []string{"a", "b", "b", "a"}, true, "ssrr", "verification failed permanently: the passphrases differ"},
		{shared, []string{"a", "b"}, true, "sr", "verification failed permanently: the passphrases differ"},
		{shared, []string{"a", "a"}, true, "sr", ""},
		{"keygen randomkey;\n", nil, false, "", ""},
	} {
		who := &typist{answers: c.answers}
		p := mustParse(t, "algorithm aes-cbc;\n\n"+c.keygens)
		d, err := cgd.Open(context.Background(), blockdev.NewMemory(1<<16), p, cgd.OpenOptions{
			Keys: &cgd.KeyMaker{Ask: who.ask}, Name: "x", Verify: "re-enter", Once: c.once,
		})
		var prompts strings.Builder
		for _, s := range who.prompts {
			prompts.WriteByte(map[string]byte{"x's passphrase:": 's', "re-enter device's passphrase:": 'r'}[s])
		}
		if prompts.String() != c.prompts || (err == nil) != (c.fails == "") || err != nil && err.Error() != c.fails || (d == nil) != (err != nil) {
			t.Errorf("%s with %q: prompts %s, %v; want %s, %s", c.keygens, c.answers, prompts.String(), err, c.prompts, c.fails)
		}
	}
}
