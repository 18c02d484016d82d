package netbsd_test

import (
	"errors"
	"io/fs"
	"strconv"
	"syscall"
	"testing"

	"rump/netbsd"
)

// TestErrnos compares both directions with the table of both systems.
func TestErrnos(t *testing.T) {
	for _, row := range rows(t, "errnos.tsv") {
		n, _ := strconv.Atoi(row[1])
		e := netbsd.Errno(n)
		if e.Name() != row[0] {
			t.Errorf("%d is %q, want %q", n, e.Name(), row[0])
		}
		if row[2] == "-" {
			continue
		}
		h, _ := strconv.Atoi(row[2])
		host := syscall.Errno(h)
		if e != netbsd.ENODATA && e.Host() != host {
			t.Errorf("%s on the host is %d, want %d", row[0], e.Host(), host)
		}
		want := e
		switch e {
		case netbsd.ENOTSUP: // one number on the host
			want = netbsd.EOPNOTSUPP
		case netbsd.ENODATA:
			want = netbsd.ENOATTR
		}
		if got, ok := netbsd.FromHost(host); got != want || !ok {
			t.Errorf("host's %d is %v, %v, want %v", host, got, ok, want)
		}
	}
}

// TestErrnoUnknown asks for numbers that neither system, or only one, has.
func TestErrnoUnknown(t *testing.T) {
	for _, n := range []netbsd.Errno{-5, 0, 97, 1 << 30} {
		if n.Name() != "" || n.Host() != syscall.EIO || n.Error() == "" {
			t.Errorf("%d: name %q, host %v, text %q", int32(n), n.Name(), n.Host(), n.Error())
		}
	}
	for host, want := range map[syscall.Errno]netbsd.Errno{
		syscall.EUCLEAN: netbsd.EIO, syscall.ENOKEY: netbsd.EPERM, syscall.ENOMEDIUM: netbsd.ENXIO, syscall.ERESTART: netbsd.EINTR, 4000: netbsd.EIO,
	} {
		if got, ok := netbsd.FromHost(host); got != want || ok {
			t.Errorf("host's %d is %v, %v, want %v as the nearest", host, got, ok, want)
		}
	}
}

// TestErrnoIs asks what Go programs ask.
func TestErrnoIs(t *testing.T) {
	for _, c := range []struct {
		err, target error
		want        bool
	}{
		{netbsd.ENOENT, fs.ErrNotExist, true},
		{netbsd.ENOENT, syscall.ENOENT, true},
		{netbsd.ENOENT, netbsd.ENOENT, true},
		{netbsd.ENOTEMPTY, syscall.ENOTEMPTY, true},
		{netbsd.EAGAIN, syscall.EAGAIN, true},
		{netbsd.EACCES, fs.ErrPermission, true},
		{netbsd.EEXIST, fs.ErrExist, true},
		{netbsd.EFTYPE, syscall.EIO, false}, // the host has none
		{netbsd.ENOENT, fs.ErrExist, false},
		{netbsd.ENOENT, syscall.EIO, false},
	} {
		if got := errors.Is(c.err, c.target); got != c.want {
			t.Errorf("errors.Is(%v, %v) = %v", c.err, c.target, got)
		}
	}
}
