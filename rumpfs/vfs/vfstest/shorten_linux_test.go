package vfstest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A forgetful tree is one with a fault: a file that was cut and then grows shows a byte of what it had.
type forgetful struct{ Tree }

func (t forgetful) Open(path string, write bool) (File, error) {
	f, err := t.Tree.Open(path, write)
	if err != nil {
		return nil, err
	}
	return &forgetfulFile{f}, nil
}

type forgetfulFile struct{ File }

func (f *forgetfulFile) Truncate(size int64) error {
	a, err := f.Stat()
	if err != nil {
		return err
	}
	if err := f.File.Truncate(size); err != nil || size <= a.Size {
		return err
	}
	_, err = f.WriteAt([]byte{0xff}, a.Size)
	return err
}

// TestModelFindsFault: random steps find the fault, and the run that shows it becomes short.
func TestModelFindsFault(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "vfstest")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	tree, f := forgetful{HostTree(dir)}, Features{Blocks: []int{4096}}
	for seed := range uint64(5) {
		ops := drawOps(seed, 1500, f)
		_, done, err := playAll(tree, f, fmt.Sprintf("run-%d", seed), ops)
		if err == nil {
			t.Errorf("seed %d: the fault was not found", seed)
			continue
		}
		short, err := shorten(ops[:min(len(ops), done+1)], err, func(try int, ops []op) error {
			_, _, err := playAll(tree, f, fmt.Sprintf("run-%d-%d", seed, try), ops)
			return err
		})
		// A file is made and grows; what shows it may be a step or the look at the end.
		if len(short) > 6 || err == nil {
			t.Errorf("seed %d: %d steps left of %d: %v, %v", seed, len(short), done+1, short, err)
		}
		text := ""
		for _, o := range short {
			text += o.String() + "\n"
		}
		if !strings.Contains(text, "truncate") {
			t.Errorf("seed %d: no truncation in\n%s", seed, text)
		}
	}
}

// TestDrawnStepsStay: a seed means the same steps each time, and every kind of step comes up.
func TestDrawnStepsStay(t *testing.T) {
	f := Features{Blocks: []int{512}, Punch: true, Allocate: true, XattrMax: 4000, Owners: true}
	a, b := drawOps(1, 2000, f), drawOps(1, 2000, f)
	seen := make(map[opKind]bool)
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("step %d: %v and %v", i, a[i], b[i])
		}
		if strings.HasPrefix(a[i].String(), "op ") {
			t.Errorf("a step of kind %d has no description", a[i].kind)
		}
		seen[a[i].kind] = true
	}
	for k := opMake; k <= opHeldCut; k++ {
		if !seen[k] {
			t.Errorf("no step of kind %d", k)
		}
	}
}
