package fsck_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// TestRandomDamage damages metadata of genuine images at random: the checker must end soon, without a panic, and notice what it can.
func TestRandomDamage(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 6
	}
	for _, name := range []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-8192-1024", "quota2-ufs2", "tree-ufs0-le-8192-1024", "one-cg"} {
		img := golden.Load(t, name)
		s, _, err := ondisk.FindSuper(img, img.Size())
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(rounds) {
			dev := damaged(t, img, s, rand.New(rand.NewPCG(seed, 7)))
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			_, err := fsck.Check(ctx, dev, fsck.Options{Force: true})
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s seed %d: no end", name, seed)
			}
		}
	}
}

// damaged is a copy of img with some bytes of its inodes, groups and directories changed.
func damaged(t *testing.T, img *blockdev.Memory, s *ondisk.Super, rnd *rand.Rand) blockdev.Device {
	t.Helper()
	dev := img.Snapshot()
	for range 1 + rnd.IntN(40) {
		cg := rnd.IntN(int(s.Ncg))
		at := s.FragOffset(s.CgHeader(cg)) + rnd.Int64N(int64(s.CgData(cg)-s.CgHeader(cg)+16)<<s.FShift)
		at = min(at, dev.Size()-1) &^ 511
		var sector [512]byte
		if _, err := dev.ReadAt(sector[:], at); err != nil {
			t.Fatal(err)
		}
		sector[rnd.IntN(512)] = byte(rnd.Uint32())
		sector[rnd.IntN(512)]++
		if _, err := dev.WriteAt(sector[:], at); err != nil {
			t.Fatal(err)
		}
	}
	return dev
}

// FuzzCheck gives the checker any superblock area in front of a small genuine volume.
func FuzzCheck(f *testing.F) {
	img := golden.Load(f, "one-cg")
	var area [8192]byte
	if _, err := img.ReadAt(area[:], ondisk.LocUFS2); err != nil {
		f.Fatal(err)
	}
	f.Add(area[:1376], uint32(0), []byte{0})
	f.Fuzz(func(t *testing.T, super []byte, at uint32, bytes []byte) {
		dev := img.Snapshot()
		b := area
		copy(b[:], super)
		if _, err := dev.WriteAt(b[:], ondisk.LocUFS2); err != nil {
			t.Fatal(err)
		}
		var sector [512]byte
		off := int64(at) % (dev.Size() / 512) * 512
		copy(sector[:], bytes)
		if _, err := dev.WriteAt(sector[:], off); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := fsck.Check(ctx, dev, fsck.Options{Force: true})
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("no end")
		}
	})
}
