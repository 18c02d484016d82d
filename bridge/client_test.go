package bridge_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test program serves the mounts that it tests. It may wait for an answer of its own only in a system call, where the
// Go run time lets other goroutines go on; not in a page fault, nor when it starts a program in a directory of the
// mount, nor where it polls a file (forbidPoll). What must do such things is a client: the test program once more.

// clientMode in the environment makes the test program a client: its value is what to do, how often, and where.
const clientMode = "BRIDGE_TEST_CLIENT"

func TestMain(m *testing.M) {
	if mode := os.Getenv(shellMode); mode != "" {
		os.Exit(shellMain(mode))
	}
	if mode := os.Getenv(clientMode); mode != "" {
		os.Exit(clientMain(mode))
	}
	os.Exit(m.Run())
}

// The clients, each of which does something n times in a directory.
var clients = map[string]func(dir string, n int) error{
	"create": func(dir string, n int) error { return each(dir, n, createFile) },
	"stat": func(dir string, n int) error {
		return each(dir, n, func(path string) error {
			var st syscall.Stat_t
			return syscall.Stat(path, &st)
		})
	},
	"read":   func(dir string, n int) error { return each(dir, n, readFile) },
	"unlink": func(dir string, n int) error { return each(dir, n, syscall.Unlink) },
	"list": func(dir string, n int) error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			if _, statErr := e.Info(); statErr != nil {
				err = errors.Join(err, statErr)
			}
		}
		return err
	},
	"write-1m": func(dir string, n int) error { return stream(dir, n, benchBlock, syscall.Pwrite) },
	"write-4k": func(dir string, n int) error { return stream(dir, n, benchSmall, syscall.Pwrite) },
	"read-1m":  func(dir string, n int) error { return stream(dir, n, benchBlock, syscall.Pread) },
	"mmap":     mapFile,
	"watch":    watchMapping,
}

func clientMain(mode string) int {
	f := strings.SplitN(mode, ":", 3)
	n, err := strconv.Atoi(f[1])
	if err == nil {
		err = clients[f[0]](f[2], n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run lets a client do something n times. It returns the processor time of client and server.
func (m *mounted) run(op string, n int) time.Duration {
	m.Helper()
	before := processorTime()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d:%s", clientMode, op, n, m.dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		m.Fatalf("%s: %v: %s", op, err, out)
	}
	return processorTime() - before + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// processorTime is that of this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
