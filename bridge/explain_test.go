package bridge

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// TestExplain: what the host says when it refuses becomes a line with the place, the reason and the next step.
func TestExplain(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		err   error
		errno error
		says  []string
	}{
		{explainHelper("/mnt", "fusermount3: failed to open /dev/fuse: Permission denied", failed), syscall.EACCES, []string{"/dev/fuse", "chmod 666 /dev/fuse"}},
		{explainHelper("/mnt", "fusermount3: fuse device not found, try 'modprobe fuse' first", failed), syscall.ENOENT, []string{"modprobe fuse"}},
		{explainHelper("/mnt", "fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf", failed), syscall.EPERM, []string{"user_allow_other", "/etc/fuse.conf"}},
		{explainHelper("/mnt", "fusermount3: user has no write access to mountpoint /mnt", failed), syscall.EACCES, []string{"write"}},
		{explainHelper("/mnt", "fusermount3: mount failed: Operation not permitted", failed), syscall.EPERM, []string{"set-user-ID", "rump shell"}},
		{explainHelper("/mnt", "fusermount3: too many FUSE filesystems mounted; mount_max=N can be set in /etc/fuse.conf", failed), failed, []string{"too many", "mount_max"}},
		{explainHelper("/mnt", "fusermount3: something new", failed), failed, []string{"something new"}},
		{explainHelper("/mnt", "", failed), failed, []string{"said nothing"}},
		{explainDevice("/mnt", syscall.EACCES), syscall.EACCES, []string{"chmod 666 /dev/fuse"}},
		{explainDevice("/mnt", syscall.ENOENT), syscall.ENOENT, []string{"modprobe fuse"}},
		{explainMount("/mnt", syscall.EPERM), syscall.EPERM, []string{"fuse3"}},
		{explainMount("/mnt", syscall.ENODEV), syscall.ENODEV, []string{"modprobe fuse"}},
	} {
		got := c.err.Error()
		if !errors.Is(c.err, c.errno) || !strings.HasPrefix(got, "/mnt: ") || strings.Contains(got, "\n") {
			t.Errorf("got %q, want a line about /mnt that is %v", got, c.errno)
		}
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("got %q, want %q in it", got, want)
			}
		}
	}
}

// TestQuote: a path in a message can be pasted.
func TestQuote(t *testing.T) {
	for path, want := range map[string]string{"/mnt/a-b_c.1": "/mnt/a-b_c.1", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "/$x": "'/$x'"} {
		if got := quote(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
