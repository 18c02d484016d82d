package tutorial

import "syscall"

// peerPID is the process at the other end of a socket.
func peerPID(fd int) (int, error) {
	c, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Pid), nil
}
