package cgd

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkTransform is one core on 64 KiB that stay in its cache, as `openssl speed` has it.
func BenchmarkTransform(b *testing.B) {
	for _, c := range []Cipher{
		{Algorithm: "aes-cbc", KeyLength: 128}, {Algorithm: "aes-cbc", KeyLength: 256}, {Algorithm: "aes-xts", KeyLength: 256}, {Algorithm: "aes-xts", KeyLength: 512},
		{Algorithm: "adiantum"}, {Algorithm: "3des-cbc"}, {Algorithm: "blowfish-cbc"},
	} {
		c, a, err := c.complete()
		if err != nil {
			b.Fatal(err)
		}
		for _, sector := range []int{512, 4096} {
			t, err := a.make(c, make([]byte, c.keyBytes()), sector)
			if err != nil {
				b.Fatal(err)
			}
			p := make([]byte, 64<<10)
			for name, do := range map[string]func(dst, src []byte, first uint64){"encrypt": t.encrypt, "decrypt": t.decrypt} {
				b.Run(fmt.Sprintf("%s-%d/%d/%s", c.Algorithm, c.KeyLength, sector, name), func(b *testing.B) {
					b.SetBytes(int64(len(p)))
					for b.Loop() {
						do(p, p, 0)
					}
				})
			}
		}
	}
}

// BenchmarkOpenSSL is the rival, on the same machine in the same run.
func BenchmarkOpenSSL(b *testing.B) {
	if _, err := exec.LookPath("openssl"); err != nil {
		b.Skip("no openssl (Debian package openssl)")
	}
	for _, cipher := range []string{"aes-128-cbc", "aes-256-cbc", "aes-128-xts", "aes-256-xts", "des-ede3-cbc"} {
		for _, size := range []int{512, 4096} {
			for _, mode := range []string{"encrypt", "decrypt"} {
				b.Run(fmt.Sprintf("%s/%d/%s", cipher, size, mode), func(b *testing.B) {
					args := []string{"speed", "-seconds", "1", "-bytes", strconv.Itoa(size), "-evp", cipher}
					if mode == "decrypt" {
						args = append(args, "-decrypt")
					}
					var rate float64
					for b.Loop() {
						out, err := exec.Command("openssl", args...).Output()
						if err != nil {
							b.Skip(err)
						}
						f := strings.Fields(string(out))
						if rate, err = strconv.ParseFloat(strings.TrimSuffix(f[len(f)-1], "k"), 64); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(rate/1000, "MB/s")
				})
			}
		}
	}
}
