package kern

import "context"

// A Settler is an Observer that passes on later what it is told. Settle returns once all that it was told before the call has
// been passed on, or the context ends. It is called without locks held.
type Settler interface {
	Settle(ctx context.Context)
}

// Settle returns once the other doors have passed on all that this one changed: whoever is then told that a change is made sees it
// through every door.
func (d *Door) Settle(ctx context.Context) {
	for _, o := range *d.k.doors.Load() {
		if o == d || o.obs == nil {
			continue
		}
		if s, ok := o.obs.(Settler); ok {
			s.Settle(ctx)
		}
	}
}
