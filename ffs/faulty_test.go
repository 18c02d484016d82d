package ffs_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// A disk that fails now and then, in reading or writing, makes calls fail; it never makes a name without a file or a block with two owners.
func TestFailingDisk(t *testing.T) {
	for i, f := range flavours() {
		for _, op := range []blockdev.Op{blockdev.OpRead, blockdev.OpWrite} {
			t.Run(fmt.Sprintf("%s-%v", f.name, op), func(t *testing.T) {
				t.Parallel()
				failing(t, f, op, uint64(i))
			})
		}
	}
}

func failing(t *testing.T, f flavour, op blockdev.Op, seed uint64) {
	dev := f.format(t, 4<<20)
	var broken atomic.Bool
	r := rand.New(rand.NewPCG(seed, 7))
	faulty := blockdev.NewFaulty(lasting{dev}, blockdev.Plan{Fail: func(c blockdev.Call) error {
		if broken.Load() && c.Op == op && r.IntN(10) == 0 {
			return syscall.EIO
		}
		return nil
	}})
	v := open(t, faulty, ffs.Options{Budget: 128 << 10})
	broken.Store(true)
	d := func() string { return fmt.Sprintf("/d%d", r.IntN(4)) }
	file := func() string { return fmt.Sprintf("%s/%d", d(), r.IntN(40)) }
	failed := 0
	for range 3000 {
		var err error
		switch r.IntN(10) {
		case 0:
			err = v.mkdir(d())
		case 1, 2, 3:
			err = v.write(file(), make([]byte, r.IntN(20000)), int64(r.IntN(100_000)))
		case 4:
			err = v.truncate(file(), int64(r.IntN(50_000)))
		case 5:
			err = v.link(file(), file())
		case 6:
			err = v.rename(file(), file())
		case 7, 8:
			err = v.remove(file())
		case 9:
			err = v.remove(d())
		}
		if vfs.ErrnoOf(err) == syscall.EIO {
			failed++
		}
	}
	if failed < 20 {
		t.Errorf("only %d calls failed", failed)
	}
	broken.Store(false)
	v.forget()
	if err := v.fs.Unmount(ctx); err != nil {
		t.Fatalf("unmount: %v", err)
	}
	rep, err := fsck.Check(ctx, dev, fsck.Options{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rep.Problems {
		if rep.Super.Clean&ondisk.CleanIs != 0 {
			t.Errorf("marked clean, but phase %d, %v: %s", p.Phase, p.Kind, p.Text)
		}
		// Blocks behind the end are lost space too.
		if p.Kind > fsck.HighLink && p.Kind != fsck.Hint && !strings.HasPrefix(p.Text, "PARTIALLY TRUNCATED") {
			t.Errorf("phase %d, %v: %s", p.Phase, p.Kind, p.Text)
		}
	}
}

// UFS1 has no time after January 2038: the clock stops there, and what is set explicitly is refused. UFS2 goes on.
func TestTimesBeyond2038(t *testing.T) {
	late := time.Unix(1<<32, 5)
	for _, f := range flavours() {
		t.Run(f.name, func(t *testing.T) {
			dev := f.format(t, 2<<20)
			v := open(t, lasting{dev}, ffs.Options{Now: func() time.Time { return late }})
			v.must(v.write("/f", []byte("x"), 0))
			n, err := v.walk("/f")
			v.must(err)
			want := int64(math.MaxInt32)
			var refused error = syscall.EINVAL
			if v.fs.Super().Version == 2 {
				want, refused = late.Unix(), nil
			}
			set := vfs.SetAttr{Mask: vfs.SetAtime, Atime: vfs.Time{Sec: late.Unix(), Nsec: 7}}
			if err := n.SetAttr(ctx, vfs.Root, set); err != refused {
				t.Errorf("set atime: got %v, want %v", err, refused)
			}
			v.forget()
			n, err = v.walk("/f")
			v.must(err)
			if a, _ := n.Attr(ctx); a.Mtime != (vfs.Time{Sec: want, Nsec: 5}) {
				t.Errorf("mtime %v, want %d", a.Mtime, want)
			}
			set = vfs.SetAttr{Mask: vfs.SetMtime, Mtime: vfs.Time{Sec: 1, Nsec: 1e9}}
			if err := n.SetAttr(ctx, vfs.Root, set); err != syscall.EINVAL {
				t.Errorf("set a billion nanoseconds: got %v, want EINVAL", err)
			}
			v.close()
			check(t, dev)
		})
	}
}
