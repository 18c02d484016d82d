package cgd_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

// goldenPlain is what the genuine kernel encrypted.
func goldenPlain(tb testing.TB) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", "cgd-plain.bin.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestGolden: disks of the genuine kernel, by parameters files of cgdconfig. The sums are those of its ciphertext: what
// we write is the same byte for byte, and reads back.
func TestGolden(t *testing.T) {
	plain := goldenPlain(t)
	sums, err := os.Open(filepath.Join("testdata", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	defer sums.Close()
	n := 0
	for s := bufio.NewScanner(sums); s.Scan(); n++ {
		want, name, _ := strings.Cut(s.Text(), "  ")
		p, err := cgd.ReadParams(filepath.Join("testdata", name+".conf"))
		if err != nil {
			t.Fatal(err)
		}
		below := blockdev.NewMemory(int64(len(plain)))
		d, err := cgd.Open(context.Background(), below, p, cgd.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt(plain, 0); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(below.Bytes())); got != want {
			t.Errorf("%s: encrypted, it has the sum %s, want %s", name, got, want)
		}
		got := make([]byte, len(plain))
		if _, err := d.ReadAt(got, 0); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: decrypted, it is not the plain text: %v", name, err)
		}
	}
	if n != 12 {
		t.Errorf("%d disks, want 12", n)
	}
}
