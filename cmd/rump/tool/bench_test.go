package tool_test

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/hostfs"
)

// BenchmarkDd reads a file of 4 MiB in blocks of 64 KiB, in this process and in a server of it.
func BenchmarkDd(b *testing.B) {
	for _, name := range []string{"ffs", "remote"} {
		b.Run(name, func(b *testing.B) {
			fs := spaces[name](b)
			const size = 4 << 20
			put(b, fs, "f", strings.Repeat("0123456789abcdef", size/16))
			dd := &tool.Dd{Words: []string{"if=f", "bs=64k", "msgfmt=quiet"}}
			b.SetBytes(size)
			for b.Loop() {
				if err := dd.Run(ctx, &tool.Env{FS: fs, Stdout: io.Discard, Stderr: io.Discard, Now: clock}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGet copies 500 small files to the host.
func BenchmarkGet(b *testing.B) {
	fs := newFFS(b)
	mkdir(b, fs, "d")
	for i := range 500 {
		put(b, fs, "d/"+strings.Repeat("f", i%50+1)+string(rune('a'+i/50)), "small")
	}
	b.Chdir(b.TempDir())
	host := new(hostfs.FS)
	b.Cleanup(host.Close)
	for n := 0; b.Loop(); n++ {
		get := &tool.Get{}
		get.Recurse, get.Paths = true, []string{"d", strconv.Itoa(n)}
		if err := get.Run(ctx, &tool.Env{FS: fs, Host: host, Stdout: io.Discard, Stderr: io.Discard, Now: clock}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/file")
}
