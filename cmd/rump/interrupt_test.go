package main

import (
	"context"
	"io"
	"testing"
	"time"
)

// TestInterruptible ends a read and a write that the host never does.
func TestInterruptible(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	r, w := io.Pipe()
	in, out := &interruptible{ctx: ctx, r: r}, &interruptible{ctx: ctx, w: w}
	go func() {
		if n, err := out.Write([]byte("hello")); n != 5 || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
	}()
	p := make([]byte, 3)
	for _, want := range []string{"hel", "lo"} {
		if n, err := in.Read(p); string(p[:n]) != want || err != nil {
			t.Errorf("read %q, %v; want %q", p[:n], err, want)
		}
	}
	other, _ := io.Pipe()
	stuck := &interruptible{ctx: ctx, r: other}
	time.AfterFunc(10*time.Millisecond, end)
	for range 2 {
		if n, err := stuck.Read(p); n != 0 || err != context.Canceled {
			t.Errorf("read after the end: %d, %v", n, err)
		}
	}
	if n, err := out.Write([]byte("x")); n != 0 || err != context.Canceled {
		t.Errorf("write after the end: %d, %v", n, err)
	}
}
