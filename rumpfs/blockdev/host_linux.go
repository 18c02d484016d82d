package blockdev

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An InUseError says that another opener has a file in a way that excludes ours. It unwraps to EBUSY.
type InUseError struct {
	Path string
	PID  int // 0 if it could not be found
}

func (e *InUseError) Error() string {
	switch e.PID {
	case 0:
		return e.Path + ": in use by another process"
	case os.Getpid():
		return e.Path + ": already in use by this process"
	}
	return fmt.Sprintf("%s: in use by another process (pid %d)", e.Path, e.PID)
}

// Unwrap is EBUSY.
func (e *InUseError) Unwrap() error { return syscall.EBUSY }

// The host's device manager holds a lock on a block device for the moment in which it looks at it; so we try for a while.
const (
	lockTries = 20
	lockPause = 25 * time.Millisecond
)

// lock takes the advisory lock of f: exclusive, or shared. It is flock(2), not a record lock: it belongs to the open
// file, not to the process, so that two opens in one process exclude each other too, and the host knows who has it.
// A host file system without locks is no reason to refuse.
func lock(f *os.File, path string, exclusive, isBlock bool) error {
	how := syscall.LOCK_SH | syscall.LOCK_NB
	if exclusive {
		how = syscall.LOCK_EX | syscall.LOCK_NB
	}
	for try := 1; ; try++ {
		err := syscall.Flock(int(f.Fd()), how)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EWOULDBLOCK:
			if !isBlock || try >= lockTries {
				return &InUseError{Path: path, PID: lockOwner(f)}
			}
			time.Sleep(lockPause)
		case err == syscall.ENOLCK, err == syscall.ENOSYS, err == syscall.EOPNOTSUPP, err == nil:
			return nil
		default:
			return &os.PathError{Op: "flock", Path: path, Err: err}
		}
	}
}

// lockOwner finds the process that has f locked in the host's list of locks, 0 if it is not there.
func lockOwner(f *os.File) int {
	var st syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &st) != nil {
		return 0
	}
	list, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer list.Close()
	major, minor := deviceNumber(st.Dev)
	key := fmt.Sprintf("%02x:%02x:%d", major, minor, st.Ino)
	for s := bufio.NewScanner(list); s.Scan(); {
		// "12: FLOCK  ADVISORY  WRITE 4711 08:02:1234 0 EOF"; a waiter has "->" as its second field.
		w := strings.Fields(s.Text())
		if len(w) < 6 || w[1] != "FLOCK" || w[5] != key {
			continue
		}
		if pid, err := strconv.Atoi(w[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// deviceNumber splits the host's dev_t.
func deviceNumber(dev uint64) (major, minor uint64) {
	return dev>>8&0xfff | dev>>32&^uint64(0xfff), dev&0xff | dev>>12&^uint64(0xff)&0xffffffff
}

// logicalSector is the logical sector size of a block device, 512 where the host does not tell.
func logicalSector(f *os.File) int {
	var st syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &st) != nil {
		return DefaultSectorSize
	}
	major, minor := deviceNumber(st.Rdev)
	for _, up := range []string{"", "/.."} { // a partition's queue is its disk's
		text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d%s/queue/logical_block_size", major, minor, up))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && checkSectorSize(n) == nil {
			return n
		}
	}
	return DefaultSectorSize
}

const (
	fallocKeepSize  = 1 // FALLOC_FL_KEEP_SIZE
	fallocPunchHole = 2 // FALLOC_FL_PUNCH_HOLE
)

// punch makes a hole.
func punch(fd int, off, length int64) error {
	return syscall.Fallocate(fd, fallocPunchHole|fallocKeepSize, off, length)
}
