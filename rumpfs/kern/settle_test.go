package kern_test

import (
	"context"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A postman passes on only when somebody waits for it.
type postman struct {
	listener
	settled int
}

func (p *postman) Settle(context.Context) { p.settled++ }

// TestSettle: who settles waits for the other doors, and for them alone.
func TestSettle(t *testing.T) {
	w := newWorld(t)
	own, other := &postman{}, &postman{}
	d := w.k.NewDoor("own", own)
	own.d = d
	other.d = w.k.NewDoor("other", other)
	plain := &listener{names: map[vfs.Ino]string{}}
	plain.d = w.k.NewDoor("plain", plain)
	w.k.NewDoor("deaf", nil)

	d.Settle(ctx)
	if own.settled != 0 || other.settled != 1 {
		t.Errorf("settled %d times at the own door and %d at the other, want 0 and 1", own.settled, other.settled)
	}
	other.d.Close()
	d.Settle(ctx)
	if other.settled != 1 {
		t.Error("a closed door was waited for")
	}
	var _ kern.Settler = own
}
