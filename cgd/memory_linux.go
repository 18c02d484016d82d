package cgd

import "syscall"

// hostMemory is how much memory the machine has, bytes.
func hostMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 1 << 30
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
