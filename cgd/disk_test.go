package cgd_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"rump/cgd"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/blockdev/blockdevtest"
)

func mustNew(tb testing.TB, below blockdev.Device, alg string, key []byte) *cgd.Disk {
	tb.Helper()
	d, err := cgd.New(below, cgd.Cipher{Algorithm: alg, KeyLength: len(key) * 8}, key)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// keyOf is a key of an algorithm's default length.
var keyOf = map[string][]byte{
	"aes-cbc": counting(16), "aes-xts": counting(32), "adiantum": counting(32), "3des-cbc": counting(24), "blowfish-cbc": counting(16),
}

// TestSuite runs the suite of all disks over each algorithm, and over one with large sectors.
func TestSuite(t *testing.T) {
	for _, alg := range cgd.Algorithms() {
		for _, sector := range []int{512, 4096} {
			if sector > 512 && alg != "aes-xts" || testing.Short() && alg == "3des-cbc" {
				continue
			}
			t.Run(alg, func(t *testing.T) {
				blockdevtest.Run(t, func(tb testing.TB) blockdev.Device {
					m, err := blockdev.NewMemorySectors(blockdevtest.MinSize+8*4096, sector)
					if err != nil {
						tb.Fatal(err)
					}
					return mustNew(tb, m, alg, keyOf[alg])
				})
			})
		}
	}
}

// TestRefusals: what New does not take, and that the error names it.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		cipher cgd.Cipher
		key    int // bytes
		want   string
	}{
		{cgd.Cipher{}, 16, "unspecified algorithm, known are aes-cbc, aes-xts, adiantum, 3des-cbc, blowfish-cbc"},
		{cgd.Cipher{Algorithm: "aes-gcm"}, 16, `unknown algorithm "aes-gcm", known are aes-cbc, aes-xts, adiantum, 3des-cbc, blowfish-cbc`},
		{cgd.Cipher{Algorithm: "aes-cbc", IVMethod: "plain"}, 16, `unknown IV method "plain", known are encblkno1, encblkno8, encblkno`},
		{cgd.Cipher{Algorithm: "aes-cbc", KeyLength: 512}, 64, "aes-cbc takes keys of 128, 192 or 256 bits, not of 512"},
		{cgd.Cipher{Algorithm: "aes-xts", KeyLength: 128}, 64, "aes-xts takes keys of 256 or 512 bits, not of 128"},
		{cgd.Cipher{Algorithm: "adiantum", KeyLength: 128}, 64, "adiantum takes keys of 256 bits, not of 128"},
		{cgd.Cipher{Algorithm: "3des-cbc", KeyLength: 168}, 64, "3des-cbc takes keys of 192 bits, not of 168"},
		{cgd.Cipher{Algorithm: "blowfish-cbc", KeyLength: 456}, 64, "blowfish-cbc takes keys of 40 to 448 in steps of 8 bits, not of 456"},
		{cgd.Cipher{Algorithm: "blowfish-cbc", KeyLength: 44}, 64, "blowfish-cbc takes keys of 40 to 448 in steps of 8 bits, not of 44"},
		{cgd.Cipher{Algorithm: "aes-cbc", KeyLength: -128}, 64, "aes-cbc takes keys of 128, 192 or 256 bits, not of -128"},
		{cgd.Cipher{Algorithm: "aes-cbc", BlockSize: 64}, 16, "aes-cbc has blocks of 128 bits, not of 64"},
		{cgd.Cipher{Algorithm: "aes-cbc", KeyLength: 256}, 31, "key of 248 bits, but the key length of aes-cbc is 256"},
	} {
		_, err := cgd.New(blockdev.NewMemory(1<<20), c.cipher, make([]byte, c.key))
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v: got %v, want %s", c.cipher, err, c.want)
		}
	}
}

// TestKeyIsCopied: the caller wipes its key at once.
func TestKeyIsCopied(t *testing.T) {
	for _, alg := range cgd.Algorithms() {
		m := blockdev.NewMemory(1 << 16)
		key := bytes.Clone(keyOf[alg])
		d := mustNew(t, m, alg, key)
		clear(key)
		p := bytes.Repeat([]byte("text"), 128)
		if _, err := d.WriteAt(p, 512); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 512)
		if _, err := mustNew(t, m, alg, keyOf[alg]).ReadAt(got, 512); err != nil || !bytes.Equal(got, p) {
			t.Errorf("%s: got %q, %v", alg, got[:16], err)
		}
	}
}

// TestDetach: no transfer works after it, and the disk below lives on.
func TestDetach(t *testing.T) {
	m := blockdev.NewMemory(1 << 16)
	d := mustNew(t, m, "aes-xts", keyOf["aes-xts"])
	if got := d.Detach(); got != blockdev.Device(m) {
		t.Errorf("Detach: got %v, want the disk below", got)
	}
	p := make([]byte, 512)
	if _, err := d.ReadAt(p, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after Detach: got %v, want %v", err, os.ErrClosed)
	}
	if _, err := d.WriteAt(p, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after Detach: got %v, want %v", err, os.ErrClosed)
	}
	if !bytes.Equal(m.Bytes(), make([]byte, 1<<16)) {
		t.Error("something was written")
	}
}

// TestErrorsBelow: an error in any piece of a long transfer is the answer, with the count of bytes before it.
func TestErrorsBelow(t *testing.T) {
	const size, bad = 1 << 20, 600 << 10
	for _, alg := range cgd.Algorithms() {
		f := blockdev.NewFaulty(blockdev.NewMemory(size), blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, bad, bad+512, syscall.EIO)})
		d := mustNew(t, f, alg, keyOf[alg])
		n, err := d.ReadAt(make([]byte, size), 0)
		if !errors.Is(err, syscall.EIO) || n > bad || n < bad-128<<10 {
			t.Errorf("%s: read: got %d, %v; want up to %d, %v", alg, n, err, bad, syscall.EIO)
		}
		f.Set(blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpWrite, bad, bad+512, syscall.ENOSPC)})
		n, err = d.WriteAt(make([]byte, size), 0)
		if !errors.Is(err, syscall.ENOSPC) || n > bad || n < bad-128<<10 {
			t.Errorf("%s: write: got %d, %v; want up to %d, %v", alg, n, err, bad, syscall.ENOSPC)
		}
	}
}

// TestReadOnly: a disk over a read-only one is one.
func TestReadOnly(t *testing.T) {
	d := mustNew(t, blockdev.NewReadOnly(blockdev.NewMemory(1<<16)), "aes-cbc", keyOf["aes-cbc"])
	if _, err := d.WriteAt(make([]byte, 512), 0); !d.ReadOnly() || !errors.Is(err, syscall.EROFS) {
		t.Errorf("write: got %v, ReadOnly %t; want %v, true", err, d.ReadOnly(), syscall.EROFS)
	}
}

// TestEveryWayIsDifferent: no two algorithms, vectors or keys make the same of a disk.
func TestEveryWayIsDifferent(t *testing.T) {
	seen := map[string]string{}
	for _, alg := range cgd.Algorithms() {
		for _, iv := range []string{"encblkno1", "encblkno8"} {
			if iv == "encblkno8" && !strings.HasSuffix(alg, "-cbc") {
				continue
			}
			for _, change := range []byte{0, 0xff} {
				key := bytes.Clone(keyOf[alg])
				key[1] ^= change
				m := blockdev.NewMemory(1024)
				d, err := cgd.New(m, cgd.Cipher{Algorithm: alg, IVMethod: iv}, key)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.WriteAt(make([]byte, 1024), 0); err != nil {
					t.Fatal(err)
				}
				b := m.Bytes()
				for i, half := range []string{string(b[:512]), string(b[512:])} {
					if other := seen[half]; other != "" {
						t.Errorf("%s %s %d sector %d is the same as %s", alg, iv, change, i, other)
					}
					seen[half] = alg + " " + iv
				}
			}
		}
	}
}
