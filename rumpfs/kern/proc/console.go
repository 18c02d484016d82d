package proc

import (
	"context"
	"io"
	"sync"
	"syscall"

	"rump/rumpfs/vfs"
)

// ConsoleKept is how many bytes of what was said last are kept (the message buffer).
const ConsoleKept = 16352

// A Console is where a kernel says things, and what processes have as descriptors 0 to 2. It keeps the last of it.
type Console struct {
	mu   sync.Mutex
	w    io.Writer // may be nil
	kept []byte
}

// Write says something.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, p...)
	if extra := len(c.kept) - ConsoleKept; extra > 0 {
		c.kept = c.kept[:copy(c.kept, c.kept[extra:])]
	}
	if c.w == nil {
		return len(p), nil
	}
	return c.w.Write(p)
}

// Kept returns what was said last.
func (c *Console) Kept() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.kept...)
}

// A consoleFile is the console as a process has it: a terminal that can only be written.
type consoleFile struct{ sys *System }

var _ Stream = consoleFile{}

// Terminal tells that it is one.
func (consoleFile) Terminal() {}

func (consoleFile) Read(context.Context, []byte, bool) (int, error) { return 0, syscall.EBADF }

func (f consoleFile) Write(_ context.Context, p []byte, _ bool) (int, error) {
	return f.sys.console.Write(p)
}

// Stat tells of a character device in no file system.
func (f consoleFile) Stat(context.Context) (Stat, error) {
	t := f.sys.booted
	return Stat{Attr: vfs.Attr{Kind: vfs.KindChar, Mode: 0o600, Atime: t, Mtime: t, Ctime: t, Btime: t}}, nil
}

func (consoleFile) Poll(want Events) Events     { return want & PollWrite }
func (consoleFile) Queue() *Queue               { return nil }
func (consoleFile) Close(context.Context) error { return nil }
