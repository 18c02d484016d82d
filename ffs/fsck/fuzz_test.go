package fsck_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

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

// FuzzRepair changes bytes of structures, four bytes of input for each: which sector of those that hold structures, where in it, and to what. A
// repair must leave nothing to repair.
func FuzzRepair(f *testing.F) {
	type volume struct {
		img     *blockdev.Memory
		sectors []int64
	}
	var volumes []volume
	for _, name := range []string{"quota2-ufs1-be", "short-last-cg", "unclean-default-2", "appleufs-le"} {
		img := golden.Load(f, name)
		s := superOf(f, img)
		sectors := append(metadata(f, img, s), s.Location, s.Location+512, s.Location+1024)
		volumes = append(volumes, volume{img, sectors})
		f.Add(uint8(len(volumes)-1), []byte{0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		v := volumes[int(which)%len(volumes)]
		dev := v.img.Snapshot()
		for n := 0; len(changes) >= 4 && n < 64; n++ {
			at := v.sectors[(int(changes[0])<<8|int(changes[1]))%len(v.sectors)]
			var sector [512]byte
			if _, err := dev.ReadAt(sector[:], at); err != nil {
				t.Fatal(err)
			}
			sector[int(changes[2])*2+int(changes[3])&1] = changes[3]
			if _, err := dev.WriteAt(sector[:], at); err != nil {
				t.Fatal(err)
			}
			changes = changes[4:]
		}
		repairAll(t, "volume", dev)
	})
}
