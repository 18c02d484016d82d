package bridge

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// explainDevice says why /dev/fuse cannot be opened.
func explainDevice(dir string, err error) error {
	e := &MountError{Dir: dir, Reason: "cannot open " + fuseDevice, Err: err}
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		e.Hint = "ask root for: chmod 666 " + fuseDevice
	case errors.Is(err, syscall.ENOENT):
		e.Hint = "ask root for: modprobe fuse; in a container, pass the device in"
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		e.Hint = "the kernel has no FUSE; ask root for: modprobe fuse"
	}
	return e
}

// explainMount says why mount(2) refused.
func explainMount(dir string, err error) error {
	e := &MountError{Dir: dir, Reason: "cannot be mounted on", Err: err}
	switch {
	case errors.Is(err, syscall.EPERM):
		e.Hint = "this process may not mount; install the " + helperFrom + ", or use rump shell"
	case errors.Is(err, syscall.ENODEV):
		e.Hint = "the kernel has no FUSE; ask root for: modprobe fuse"
	case errors.Is(err, syscall.EBUSY):
		e.Hint = "something else is mounted there"
	}
	return e
}

// explainHelper says why fusermount3 failed, from what it said.
func explainHelper(dir, said string, err error) error {
	e := &MountError{Dir: dir, Err: err, Reason: strings.TrimPrefix(said, helper+": ")}
	switch {
	case strings.Contains(said, "failed to open "+fuseDevice), strings.Contains(said, fuseDevice+": Permission denied"):
		inner := syscall.EACCES
		if _, err := os.Stat(fuseDevice); errors.Is(err, os.ErrNotExist) || strings.Contains(said, "No such file") {
			inner = syscall.ENOENT
		}
		return explainDevice(dir, inner)
	case strings.Contains(said, "fuse device not found"):
		return explainDevice(dir, syscall.ENOENT)
	case strings.Contains(said, "user_allow_other"):
		e.Reason, e.Err = "other users may not be let in", syscall.EPERM
		e.Hint = "ask root to put a line user_allow_other into " + fuseConf + ", or leave the option out"
	case strings.Contains(said, "no write access"), strings.Contains(said, "not owned by"):
		e.Reason, e.Err = "only a directory that you may write to can be mounted on", syscall.EACCES
		e.Hint = "take one of your own"
	case strings.Contains(said, "too many FUSE filesystems"):
		e.Hint = "ask root to raise mount_max in " + fuseConf
	case strings.Contains(said, "Operation not permitted"):
		e.Reason, e.Err = helper+" may not mount", syscall.EPERM
		e.Hint = "it must be set-user-ID root, which a container or nosuid can prevent; rump shell needs neither"
	}
	if e.Reason == "" {
		e.Reason = helper + " said nothing"
	}
	return e
}
