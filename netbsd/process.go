package netbsd

import "syscall"

// Ways to end a kernel (reboot(2)).
const (
	RB_AUTOBOOT = 0
	RB_NOSYNC   = 0x4
	RB_HALT     = 0x8
	RB_DUMP     = 0x100
	RB_STRING   = 0x400
)

// Clocks.
const (
	CLOCK_REALTIME           = 0
	CLOCK_VIRTUAL            = 1
	CLOCK_PROF               = 2
	CLOCK_MONOTONIC          = 3
	CLOCK_PROCESS_CPUTIME_ID = 0x40000000
	CLOCK_THREAD_CPUTIME_ID  = 0x80000000

	TIMER_ABSTIME = 1
)

// Limits of a process (getrlimit(2)).
const (
	RLIMIT_CPU     = 0
	RLIMIT_FSIZE   = 1
	RLIMIT_DATA    = 2
	RLIMIT_STACK   = 3
	RLIMIT_CORE    = 4
	RLIMIT_RSS     = 5
	RLIMIT_MEMLOCK = 6
	RLIMIT_NPROC   = 7
	RLIMIT_NOFILE  = 8
	RLIMIT_SBSIZE  = 9
	RLIMIT_AS      = 10
	RLIMIT_NTHR    = 11
	NumRlimits     = 12

	RlimInfinity = 1<<63 - 1
)

// Signal is a number of NetBSD's signals.
type Signal int32

// The signals that a kernel may raise in a client.
const (
	SIGPIPE Signal = 13
	SIGIO   Signal = 23
)

// hostSignals are the host's numbers; 0 where there is none.
var hostSignals = [33]syscall.Signal{
	1: syscall.SIGHUP, 2: syscall.SIGINT, 3: syscall.SIGQUIT, 4: syscall.SIGILL, 5: syscall.SIGTRAP, 6: syscall.SIGABRT,
	8: syscall.SIGFPE, 9: syscall.SIGKILL, 10: syscall.SIGBUS, 11: syscall.SIGSEGV, 12: syscall.SIGSYS, 13: syscall.SIGPIPE,
	14: syscall.SIGALRM, 15: syscall.SIGTERM, 16: syscall.SIGURG, 17: syscall.SIGSTOP, 18: syscall.SIGTSTP, 19: syscall.SIGCONT,
	20: syscall.SIGCHLD, 21: syscall.SIGTTIN, 22: syscall.SIGTTOU, 23: syscall.SIGIO, 24: syscall.SIGXCPU, 25: syscall.SIGXFSZ,
	26: syscall.SIGVTALRM, 27: syscall.SIGPROF, 28: syscall.SIGWINCH, 30: syscall.SIGUSR1, 31: syscall.SIGUSR2, 32: syscall.SIGPWR,
}

// Host is the host's number for the signal; ok is false if the host has none.
func (s Signal) Host() (sig syscall.Signal, ok bool) {
	if s <= 0 || int(s) >= len(hostSignals) {
		return 0, false
	}
	return hostSignals[s], hostSignals[s] != 0
}
