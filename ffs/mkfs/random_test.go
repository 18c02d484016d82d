package mkfs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"rump/ffs/mkfs"
	"rump/ffs/mkfs/tree"
)

// TestMakefsRandom makes images of random trees with random options.
func TestMakefsRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		maker := &treeMaker{tb: t, root: t.TempDir()}
		randomTree(maker, r)
		m := randomOptions(r)
		files, same := hostTree(t, maker.root)
		dev, _ := makefs(t, mkfs.Source{Dirs: []string{maker.root}}, m)
		checkTree(t, dev, files, same)
		if t.Failed() {
			t.Fatalf("with %+v", m)
		}
	}
}

func randomTree(maker *treeMaker, r *rand.Rand) {
	dirs := []string{""}
	var paths []string
	for i := range 20 + r.IntN(150) {
		dir := dirs[r.IntN(len(dirs))]
		path := fmt.Sprintf("%s%s%d", dir, strings.Repeat("n", r.IntN(60)), i)
		switch k := r.IntN(20); {
		case k < 4:
			maker.must(os.MkdirAll(maker.path(path), 0o755))
			dirs = append(dirs, path+"/")
			continue
		case k < 6 && len(paths) > 0:
			maker.must(os.Link(maker.path(paths[r.IntN(len(paths))]), maker.path(path)))
		case k < 8:
			maker.must(os.Symlink(strings.Repeat("t", 1+r.IntN(200)), maker.path(path)))
		case k < 10:
			size := int64(r.IntN(1 << 24))
			maker.sparse(path, size, int64(r.IntN(int(size)+1)), int64(r.IntN(int(size)+1)))
		case k < 12:
			maker.file(path, r.IntN(1<<20))
		default:
			maker.file(path, r.IntN(20000))
		}
		paths = append(paths, path)
	}
}

func randomOptions(r *rand.Rand) mkfs.MakefsOptions {
	bsize := 4096 << r.IntN(5)
	m := mkfs.MakefsOptions{
		Version: 1 + r.IntN(2), Order: orderOf(r.IntN(2) == 1),
		BlockSize: bsize, FragSize: max(512, bsize>>r.IntN(4)),
		Reproducible: r.IntN(2) == 1,
	}
	if r.IntN(3) == 0 {
		m.MinFree = mkfs.Ptr(r.IntN(50))
	}
	if r.IntN(3) == 0 {
		m.Density = int64(256 << r.IntN(8))
	}
	if r.IntN(3) == 0 {
		m.MaxBlocksPerGroup = 500 + r.IntN(5000)
	}
	if r.IntN(3) == 0 {
		m.FreeBlocks = mkfs.Amount{N: int64(r.IntN(100)), Percent: true}
		m.FreeFiles = mkfs.Amount{N: int64(r.IntN(3000))}
	}
	m.HistoricSuper = m.Version == 2 && r.IntN(3) == 0
	return m
}

// TestMakefsManyInodes has more files than fragments.
func TestMakefsManyInodes(t *testing.T) {
	var spec strings.Builder
	spec.WriteString("/set type=file uid=0 gid=0 mode=0644 time=1\n")
	const n = 20000
	for i := range n {
		fmt.Fprintf(&spec, "./d%d/file%d\n", i%9, i)
	}
	for version := 1; version <= 2; version++ {
		for _, size := range [][2]int{{0, 0}, {65536, 65536}, {4096, 512}} {
			m := mkfs.MakefsOptions{Version: version, BlockSize: size[0], FragSize: size[1]}
			_, r := makefs(t, mkfs.Source{Specs: []tree.Spec{{Name: "spec", Reader: strings.NewReader(spec.String())}}}, m)
			inodes := int64(n) * int64(128*version)
			if r.Bytes > 2*inodes+2<<20 {
				t.Errorf("UFS%d %v: %d bytes for %d empty files", version, size, r.Bytes, n)
			}
		}
	}
}
