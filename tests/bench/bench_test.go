// Package bench measures whole mounts side by side: ours, go-fuse's loopback example, fuse2fs, ntfs-3g. Every round runs each of them in turn, so that
// a machine whose speed drifts does not favour one. To compare work per processor pin everything:
//
//	go test ./tests/bench -run '^$' -bench . -benchtime 3x
//	taskset -c 0 go test ./tests/bench -run '^$' -bench . -benchtime 3x
package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A job is one measured piece of work in a fresh directory of a mount; it returns how much was done.
type job struct {
	name string
	unit string
	run  func(b *testing.B, dir string) float64
}

// runJobs runs the jobs in order on every rival, b.N rounds, and reports the mean of each.
func runJobs(b *testing.B, jobs []job) {
	rivals := mountAll(b)
	done := map[string]float64{}
	spent := map[string]time.Duration{}
	b.ResetTimer()
	for round := range b.N {
		for i := range rivals {
			r := rivals[(round+i)%len(rivals)]
			dir := filepath.Join(r.dir, fmt.Sprintf("round%d", round))
			if err := os.Mkdir(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			for _, j := range jobs {
				start := time.Now()
				n := j.run(b, dir)
				key := r.name + ":" + j.name + "-" + j.unit
				spent[key] += time.Since(start)
				done[key] += n
			}
			if err := os.RemoveAll(dir); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	for key, n := range done {
		b.ReportMetric(n/spent[key].Seconds(), key)
	}
	for _, r := range rivals {
		if mb := r.peak(); mb > 0 {
			b.ReportMetric(mb, r.name+":peak-MiB")
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

const files = 20000

// BenchmarkFiles is metadata work on 20,000 files of 1 KiB in 20 directories.
func BenchmarkFiles(b *testing.B) {
	name := func(dir string, i int) string {
		return filepath.Join(dir, fmt.Sprintf("d%02d", i%20), fmt.Sprintf("file%05d", i))
	}
	each := func(fn func(path string) error) func(*testing.B, string) float64 {
		return func(b *testing.B, dir string) float64 {
			for i := range files {
				if err := fn(name(dir, i)); err != nil {
					b.Fatal(err)
				}
			}
			return files
		}
	}
	data := make([]byte, 1024)
	buf := make([]byte, 2048)
	create := each(func(path string) error { return os.WriteFile(path, data, 0o644) })
	runJobs(b, []job{
		{"create", "files/s", func(b *testing.B, dir string) float64 {
			for i := range 20 {
				if err := os.Mkdir(filepath.Dir(name(dir, i)), 0o755); err != nil {
					b.Fatal(err)
				}
			}
			return create(b, dir)
		}},
		{"stat", "files/s", each(func(path string) error { _, err := os.Lstat(path); return err })},
		{"read", "files/s", each(func(path string) error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.Read(buf)
			return err
		})},
		{"list", "files/s", func(b *testing.B, dir string) float64 {
			for i := range 20 {
				entries, err := os.ReadDir(filepath.Dir(name(dir, i)))
				if err != nil {
					b.Fatal(err)
				}
				for _, e := range entries {
					if _, err := e.Info(); err != nil {
						b.Fatal(err)
					}
				}
			}
			return files
		}},
		{"unlink", "files/s", each(os.Remove)},
	})
}

const fileSize = 1 << 30

// BenchmarkData is sequential work on one file of 1 GiB: written, read with the page cache dropped, and read again.
func BenchmarkData(b *testing.B) {
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = byte(i * 7)
	}
	read := func(b *testing.B, dir string) float64 {
		f, err := os.Open(filepath.Join(dir, "big"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for range fileSize / len(buf) {
			if _, err := f.Read(buf); err != nil {
				b.Fatal(err)
			}
		}
		return fileSize / 1e6
	}
	runJobs(b, []job{
		{"write", "MB/s", func(b *testing.B, dir string) float64 {
			f, err := os.Create(filepath.Join(dir, "big"))
			if err != nil {
				b.Fatal(err)
			}
			for range fileSize / len(buf) {
				if _, err := f.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			return fileSize / 1e6
		}},
		{"cold-read", "MB/s", func(b *testing.B, dir string) float64 {
			dropCache(b, filepath.Join(dir, "big"))
			return read(b, dir)
		}},
		{"warm-read", "MB/s", read},
	})
}

// BenchmarkTree copies the Go source tree in: by tar, and by cp -a.
func BenchmarkTree(b *testing.B) {
	tree, archive := goSource(b)
	runJobs(b, []job{
		{"tar-x", "trees/s", func(b *testing.B, dir string) float64 {
			hostCommand(b, "tar", "xf", archive, "-C", dir)
			return 1
		}},
		{"cp-a", "trees/s", func(b *testing.B, dir string) float64 {
			hostCommand(b, "cp", "-a", tree, filepath.Join(dir, "copy"))
			return 1
		}},
		{"find", "trees/s", func(b *testing.B, dir string) float64 {
			hostCommand(b, "find", dir, "-newer", archive, "-type", "f")
			return 1
		}},
	})
}
