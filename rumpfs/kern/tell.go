package kern

import (
	"context"
	"time"

	"rump/rumpfs/vfs"
)

// How often and how long Unmount waits for doors to let go of what they only remember: a quarter of a second in all.
const (
	letGoTries = 250
	letGoStep  = time.Millisecond
)

// coverChanged tells every door that something was mounted on a directory or taken off it: its name stands for something
// else. No locks held.
func (k *Kernel) coverChanged(ctx context.Context, at *Vnode) {
	low, err := k.uncross(at)
	if err != nil {
		return
	}
	defer low.Unref()
	if low == k.root.root {
		return
	}
	d := Door{k: k}
	name, up, err := d.nameOf(ctx, vfs.Root, low)
	if err != nil {
		k.log.Warn("tell of a mount", "ino", uint64(low.ino), "err", err)
		return
	}
	defer up.Unref()
	d.entryChanged(up, name)
}

// letGo asks the doors to drop what they remember of a mount, and reports whether there are no more references to it. What
// programs have open stays.
func (k *Kernel) letGo(ctx context.Context, m *Mount) bool {
	if m.at == nil || !k.observed() {
		return false
	}
	k.coverChanged(ctx, m.at)
	for range letGoTries {
		if m.referenced() == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(letGoStep):
		}
	}
	return false
}

// observed reports whether any door has an observer.
func (k *Kernel) observed() bool {
	for _, d := range *k.doors.Load() {
		if d.obs != nil {
			return true
		}
	}
	return false
}
