package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// damageRounds is how many times each image is damaged; FSCK_ROUNDS in the environment says otherwise.
func damageRounds(tb testing.TB) uint64 {
	tb.Helper()
	if n, err := strconv.Atoi(os.Getenv("FSCK_ROUNDS")); err == nil {
		return uint64(n)
	}
	if testing.Short() {
		return 4
	}
	return 8
}

// TestRandomDamage damages metadata of genuine images at random: a check must end soon; after a repair nothing must be left to repair, and the file
// system must mount and let itself be read to the last file.
func TestRandomDamage(t *testing.T) {
	for _, name := range []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-8192-1024", "quota2-ufs2", "quota2-ufs1-be", "tree-ufs0-le-8192-1024", "tree-ufs0-be-8192-1024", "one-cg", "full-root-ufs2", "snapshot-ufs2", "appleufs-be", "tree-ufs2-le-65536-8192", "inodes-exhausted"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := golden.Load(t, name)
			s, _, err := ondisk.FindSuper(img, img.Size())
			if err != nil {
				t.Fatal(err)
			}
			sectors := metadata(t, img, s)
			for seed := range damageRounds(t) {
				dev := damaged(t, img, sectors, rand.New(rand.NewPCG(seed, 7)))
				repairAll(t, fmt.Sprintf("%s seed %d", name, seed), dev)
			}
		})
	}
}

// repairAll checks a damaged volume, repairs it and expects it to be sound then.
func repairAll(t *testing.T, what string, dev *blockdev.Memory) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	rec := blockdev.NewRecorder(dev)
	_, err := fsck.Check(ctx, rec, fsck.Options{Force: true})
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: check: no end", what)
	}
	if rec.Len() != 0 {
		t.Fatalf("%s: a check wrote %v", what, rec.Events()[0])
	}
	var out bytes.Buffer
	r, err := fsck.Repair(ctx, dev, fsck.Options{Force: true, Mode: fsck.Yes, Out: &out})
	if err != nil {
		t.Errorf("%s: %v\n%s", what, err, tail(out.String()))
		return
	}
	if r.Unresolved || r.Rerun {
		t.Errorf("%s: unresolved %v, rerun %v:\n%s", what, r.Unresolved, r.Rerun, tail(out.String()))
		return
	}
	var second bytes.Buffer
	r, err = fsck.Check(ctx, dev, fsck.Options{Force: true, Out: &second})
	if err != nil || !r.Clean() || r.Super.Clean != ondisk.CleanIs {
		t.Errorf("%s: second check: %v\n%s\nfirst:\n%s", what, err, second.String(), tail(out.String()))
		return
	}
	tree(t, dev)
}

// tail is the last lines of a text.
func tail(s string) string { return s[max(0, len(s)-6000):] }

// metadata lists the sectors of a volume that hold its structures: superblocks, groups, inodes in use, directories, indirect blocks.
func metadata(tb testing.TB, img *blockdev.Memory, s *ondisk.Super) (sectors []int64) {
	tb.Helper()
	add := func(f ondisk.Frag, n int64) {
		for at := s.FragOffset(f); at < s.FragOffset(f)+n && at < img.Size(); at += 512 {
			sectors = append(sectors, at)
		}
	}
	for cg := range int(s.Ncg) {
		add(s.CgSuper(cg), ondisk.SuperSize)
		add(s.CgHeader(cg), int64(s.CgSize))
		b := make([]byte, int(s.Ipg)*s.InodeSize())
		if _, err := img.ReadAt(b, s.FragOffset(s.CgInodes(cg))); err != nil {
			tb.Fatal(err)
		}
		var d ondisk.Inode
		for i := range int(s.Ipg) {
			ondisk.DecodeInode(s, b[i*s.InodeSize():], &d)
			if d.Mode == 0 {
				continue
			}
			sectors = append(sectors, (s.FragOffset(s.CgInodes(cg))+int64(i*s.InodeSize()))&^511)
			if s.IsShortLink(&d) || d.IsDevice() {
				continue
			}
			for lbn := 0; d.IsDir() && lbn < ondisk.NDirect && d.DB[lbn] != 0; lbn++ {
				add(d.DB[lbn], int64(s.BlockSizeOf(d.Size, ondisk.Block(lbn))))
			}
			for _, f := range d.IB {
				if f != 0 {
					add(f, 512)
				}
			}
		}
	}
	return sectors
}

// damaged is a copy of img with some bytes of its structures changed.
func damaged(tb testing.TB, img *blockdev.Memory, sectors []int64, rnd *rand.Rand) *blockdev.Memory {
	tb.Helper()
	dev := img.Snapshot()
	for range 1 + rnd.IntN(30) {
		at, from := sectors[rnd.IntN(len(sectors))], sectors[rnd.IntN(len(sectors))]
		var b [512]byte
		if _, err := dev.ReadAt(b[:], at); err != nil {
			tb.Fatal(err)
		}
		switch i := rnd.IntN(512); rnd.IntN(12) {
		case 0:
			clear(b[:])
		case 1: // a write that went astray
			if _, err := dev.ReadAt(b[:], from); err != nil {
				tb.Fatal(err)
			}
		case 2:
			for ; i < 512; i++ {
				b[i] = byte(rnd.Uint32())
			}
		case 3:
			copy(b[i&^3:], b[rnd.IntN(512)&^3:][:4]) // a pointer or a number doubled
		case 4, 5, 6:
			b[i]++
		case 7, 8:
			b[i] ^= 1 << rnd.IntN(8)
		default:
			b[i] = byte(rnd.Uint32())
		}
		if _, err := dev.WriteAt(b[:], at); err != nil {
			tb.Fatal(err)
		}
	}
	return dev
}
