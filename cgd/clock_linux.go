package cgd

import (
	"syscall"
	"time"
)

// threadTime is the processor time that the calling thread has used in user mode.
func threadTime() time.Duration {
	const rusageThread = 1 // RUSAGE_THREAD of getrusage(2)
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}
