package ffs_test

import (
	"flag"
	"testing"

	"rump/ffs"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/vfs/vfstest"
)

var (
	modelOps   = flag.Int("model.ops", 1000, "operations on each flavour in TestModel")
	modelFirst = flag.Uint64("model.first", 1000, "first seed of TestModel")
)

// TestModel plays random operations by way of a kernel on volumes of every kind, a new one for each 10,000, with buffers that come
// and go, and runs the checker on what they leave.
func TestModel(t *testing.T) {
	const round = 10000
	for _, f := range flavours() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for left, seed := *modelOps, *modelFirst; left > 0 && !t.Failed(); left, seed = left-round, seed+1 {
				f.playRound(t, seed, min(left, round))
			}
		})
	}
}

func (f flavour) playRound(t *testing.T, seed uint64, nops int) {
	t.Helper()
	dev := f.format(t, 48<<20)
	o := ffs.Options{}
	if seed%2 == 0 {
		o.Budget = 1 << 20
	}
	fs, err := ffs.Mount(ctx, lasting{dev}, o)
	if err != nil {
		t.Fatal(err)
	}
	k, err := kern.Boot(kern.Options{Root: fs, MaxVnodes: 64})
	if err != nil {
		t.Fatal(err)
	}
	door, root := k.NewDoor("test", nil), k.Root()
	feat := f.features(t, dev)
	feat.Devices, feat.Owners, feat.BSDGroup, feat.SymlinkMax = true, true, true, 1023
	vfstest.Model(t, kerntest.Tree(door, root), feat, seed, nops)
	root.Unref()
	door.Close()
	if err := k.Halt(ctx); err != nil {
		t.Errorf("seed %d: halt: %v", seed, err)
	}
	check(t, dev)
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}
