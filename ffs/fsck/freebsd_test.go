package fsck_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// hashed is a genuine image whose superblock says that it keeps FreeBSD's check hashes, though there are none yet.
func hashed(tb testing.TB, name string) *blockdev.Memory {
	tb.Helper()
	dev := golden.Load(tb, name)
	s := superOf(tb, dev)
	s.Flags |= ondisk.FlagQuota2
	s.CheckHashes = ondisk.HashSuper | ondisk.HashGroup | ondisk.HashInode
	area := make([]byte, ondisk.SuperArea)
	s.Encode(area)
	if _, err := dev.WriteAt(area, s.Location); err != nil {
		tb.Fatal(err)
	}
	return dev
}

// mustHaveHashes looks at every check hash of a volume.
func mustHaveHashes(tb testing.TB, dev *blockdev.Memory) {
	tb.Helper()
	s := superOf(tb, dev)
	if !s.HasCheckHash(ondisk.HashSuper|ondisk.HashGroup|ondisk.HashInode) || !s.HashOK() {
		tb.Fatalf("superblock: hashes %#x, its own right: %v", s.CheckHashes, s.HashOK())
	}
	for cg := range int(s.Ncg) {
		b := make([]byte, s.BSize)
		if _, err := dev.ReadAt(b, s.FragOffset(s.CgHeader(cg))); err != nil {
			tb.Fatal(err)
		}
		g, err := s.GroupIn(cg, b)
		if err != nil || !g.HashOK() {
			tb.Errorf("group %d: wrong hash (%v)", cg, err)
			continue
		}
		inodes := make([]byte, g.InitedInodes()*s.InodeSize())
		if _, err := dev.ReadAt(inodes, s.FragOffset(s.CgInodes(cg))); err != nil {
			tb.Fatal(err)
		}
		for i := range g.InitedInodes() {
			if !s.InodeHashOK(inodes[i*s.InodeSize():]) {
				tb.Errorf("group %d: inode %d: wrong hash", cg, i)
			}
		}
	}
}

// Check hashes are verified, and renewed by a repair and by a conversion.
func TestCheckHashes(t *testing.T) {
	for _, name := range []string{"tree-ufs2-le-8192-1024", "tree-ufs2-be-4096-512"} {
		dev := hashed(t, name)
		before := tree(t, golden.Load(t, name))
		r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true})
		if err != nil || r.Clean() {
			t.Fatalf("%s: hashes are missing, but the check says %v, %v", name, r.Problems, err)
		}
		out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Preen, Force: true})
		if err != nil || r.Unresolved || !strings.Contains(out, "CG 0: CHECK-HASH MISMATCH (FIXED)") || !strings.Contains(out, "INODE CHECK-HASH FAILED I=2 (FIXED)") {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		mustBeClean(t, dev)
		mustHaveHashes(t, dev)
		golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))

		order := superOf(t, dev).Order.Other()
		if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Order: &order}); err != nil || r.Unresolved {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		mustBeClean(t, dev)
		mustHaveHashes(t, dev)

		s := superOf(t, dev)
		sectors := metadata(t, dev, s)
		for seed := range damageRounds(t) / 2 {
			hurt := damaged(t, dev, sectors, rand.New(rand.NewPCG(seed, 9)))
			repairAll(t, fmt.Sprintf("%s seed %d", name, seed), hurt)
			mustHaveHashes(t, hurt)
		}
	}
}

// Extended attributes are counted, survive a conversion, and go with their file.
func TestExtendedAttributes(t *testing.T) {
	ctx := context.Background()
	dev := blockdev.NewMemory(16 << 20)
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 2, ExtAttr: true, BlockSize: 4096, FragSize: 512}); err != nil {
		t.Fatal(err)
	}
	attrs := map[string][]byte{"small": []byte("value"), "long": bytes.Repeat([]byte("0123456789"), 500), "empty": {}}
	onFile := func(readOnly bool, do func(vfs.Xattrer)) {
		t.Helper()
		fs, err := ffs.Mount(ctx, dev, ffs.Options{ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		root, err := fs.Node(ctx, fs.Root())
		if err != nil {
			t.Fatal(err)
		}
		if !readOnly {
			n, err := root.(vfs.Dir).Create(ctx, vfs.Root, "f", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
			if err != nil {
				t.Fatal(err)
			}
			do(n.(vfs.Xattrer))
		} else {
			ino, err := root.(vfs.Dir).Lookup(ctx, "f")
			if err != nil {
				t.Fatal(err)
			}
			n, err := fs.Node(ctx, ino)
			if err != nil {
				t.Fatal(err)
			}
			do(n.(vfs.Xattrer))
		}
		if err := fs.Unmount(ctx); err != nil {
			t.Fatal(err)
		}
	}
	onFile(false, func(x vfs.Xattrer) {
		for name, value := range attrs {
			if err := x.SetXattr(ctx, vfs.Root, vfs.XattrUser, name, value, vfs.XattrEither); err != nil {
				t.Fatal(err)
			}
		}
	})
	mustBeClean(t, dev)
	for _, order := range []endian.Order{endian.Big, endian.Little} {
		if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Order: &order}); err != nil || r.Unresolved {
			t.Fatalf("%v\n%s", err, out)
		}
		mustBeClean(t, dev)
		onFile(true, func(x vfs.Xattrer) {
			for name, want := range attrs {
				if got, err := x.GetXattr(ctx, vfs.XattrUser, name); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v: %s: got %d bytes, %v; want %d", order, name, len(got), err, len(want))
				}
			}
		})
	}
}

// Images made by FreeBSD are sound, and stay so.
func TestFreeBSDImages(t *testing.T) {
	dir := os.Getenv("RUMP_TEST_FREEBSD")
	if dir == "" {
		t.Skip("set RUMP_TEST_FREEBSD to a directory with *.img of UFS2 file systems made by FreeBSD")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.img"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dev := blockdev.NewMemoryFrom(b)
		mustBeClean(t, dev)
		before := tree(t, dev)
		order := superOf(t, dev).Order.Other()
		if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Order: &order}); err != nil || r.Unresolved {
			t.Fatalf("%s: %v\n%s", path, err, out)
		}
		mustBeClean(t, dev)
		mustHaveHashes(t, dev)
		golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
		sectors := metadata(t, dev, superOf(t, dev))
		for seed := range damageRounds(t) {
			hurt := damaged(t, dev, sectors, rand.New(rand.NewPCG(seed, 10)))
			repairAll(t, fmt.Sprintf("%s seed %d", path, seed), hurt)
			mustHaveHashes(t, hurt)
		}
	}
}
