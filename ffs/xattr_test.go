package ffs_test

import (
	"syscall"
	"testing"

	"rump/ffs"
	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// Extended attributes are for volumes whose checkers know of them: those of NetBSD 10's magic number and those of FreeBSD.
func TestWhoHasXattrs(t *testing.T) {
	for _, f := range flavours() {
		for _, freeBSD := range []bool{false, true} {
			dev := f.format(t, 2<<20)
			s := super(t, dev)
			want := s.EAMagic
			if freeBSD {
				if s.Version != 2 {
					continue
				}
				want, s.MTime = true, 1e9
				area := make([]byte, s.SBSize)
				s.Encode(area)
				if _, err := dev.WriteAt(area, s.Location); err != nil {
					t.Fatal(err)
				}
			}
			v := open(t, lasting{dev}, ffs.Options{})
			v.must(v.write("/f", nil, 0))
			n, err := v.walk("/f")
			v.must(err)
			x := n.(vfs.Xattrer)
			err = x.SetXattr(ctx, vfs.Root, vfs.XattrUser, "a", []byte("b"), vfs.XattrEither)
			if _, lerr := x.ListXattr(ctx, vfs.XattrUser); want && (err != nil || lerr != nil) || !want && (err != syscall.EOPNOTSUPP || lerr != syscall.EOPNOTSUPP) {
				t.Errorf("%s, FreeBSD %v: set %v, list %v, want attributes %v", f.name, freeBSD, err, lerr, want)
			}
			if want {
				_, err = x.GetXattr(ctx, vfs.XattrSystem, "a")
				if err != syscall.ENODATA {
					t.Errorf("%s: get from the other name space: got %v, want ENODATA", f.name, err)
				}
			}
			v.must(v.remove("/f"))
			v.close()
			if freeBSD {
				// The mark of use is FreeBSD's.
				if s := super(t, dev); s.Clean != ondisk.CleanIs || s.MTime <= 1e9 {
					t.Errorf("%s: unmounted: clean %d, time of mount %d", f.name, s.Clean, s.MTime)
				}
			}
			check(t, dev)
		}
	}
}

// A number that is used again has another generation, and the old handle is stale meanwhile.
func TestGenerations(t *testing.T) {
	for _, f := range flavours() {
		t.Run(f.name, func(t *testing.T) {
			dev := f.format(t, 2<<20)
			v := open(t, lasting{dev}, ffs.Options{})
			seen := map[[2]uint64]bool{}
			reused := false
			inos := map[vfs.Ino]bool{}
			for range 100 {
				n, err := v.create("/f", vfs.CreateAttr{Kind: vfs.KindRegular})
				v.must(err)
				a, _ := n.Attr(ctx)
				key := [2]uint64{uint64(a.Ino), uint64(a.Gen)}
				if seen[key] || a.Gen != v.fs.Generation(n) {
					t.Fatalf("inode %d: generation %d again, or not %d", a.Ino, a.Gen, v.fs.Generation(n))
				}
				seen[key] = true
				reused = reused || inos[a.Ino]
				inos[a.Ino] = true
				v.must(v.remove("/f"))
				if _, err := v.fs.Node(ctx, a.Ino); err != syscall.ESTALE {
					t.Fatalf("inode %d after its removal: got %v, want ESTALE", a.Ino, err)
				}
			}
			if !reused {
				t.Error("no inode was used again")
			}
			for _, ino := range []vfs.Ino{0, 1, 1 << 33, vfs.Ino(v.fs.Super().MaxIno()), vfs.Ino(v.fs.Super().MaxIno()) - 1} {
				if _, err := v.fs.Node(ctx, ino); err != syscall.ESTALE {
					t.Errorf("inode %d: got %v, want ESTALE", ino, err)
				}
			}
			v.close()
			check(t, dev)
		})
	}
}
