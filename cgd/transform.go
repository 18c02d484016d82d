package cgd

import (
	"reflect"
	"sync"
)

// A transform turns whole sectors into their ciphertext and back. It may be used by many goroutines at once, except
// for wipe, which is last.
type transform interface {
	// encrypt reads whole plain sectors from src and writes their ciphertext to dst, which is src or apart from it.
	// The first has the number first.
	encrypt(dst, src []byte, first uint64)
	decrypt(dst, src []byte, first uint64)

	// wipe overwrites the keys.
	wipe()
}

// lanes keep what one goroutine at a time needs to transform, so that nothing is made per sector.
type lanes[T any] struct {
	make func() T

	mu   sync.Mutex
	free []T
}

func (l *lanes[T]) get() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		lane := l.free[n-1]
		l.free = l.free[:n-1]
		return lane
	}
	return l.make()
}

func (l *lanes[T]) put(lane T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, lane)
}

// wipe forgets the lanes after a last call for each.
func (l *lanes[T]) wipe(each func(T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.free {
		each(lane)
	}
	l.free = nil
}

// wipeBlock overwrites an expanded key, a cipher.Block or cipher.BlockMode. Its type is the library's own, so it is
// reached by reflection.
func wipeBlock(b any) {
	if v := reflect.ValueOf(b); v.Kind() == reflect.Pointer && !v.IsNil() {
		v.Elem().SetZero()
	}
}
