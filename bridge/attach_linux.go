package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	fuseDevice = "/dev/fuse"
	fuseConf   = "/etc/fuse.conf"
	helper     = "fusermount3"
	helperFrom = "Debian package fuse3"
)

// An attachment is a FUSE mount on the host.
type attachment struct {
	dir      string
	fd       int  // the FUSE device
	byHelper bool // mounted by fusermount3
}

// at is a mount that another process made.
func at(dir string) *attachment {
	return &attachment{dir: dir, fd: -1, byHelper: os.Geteuid() != 0}
}

// CanMount says whether this process can mount at all: nil, or a MountError without a directory.
func CanMount() error {
	if os.Geteuid() != 0 {
		if _, err := helperPath(); err != nil {
			return err
		}
	}
	if err := unix.Access(fuseDevice, unix.R_OK|unix.W_OK); err != nil {
		return explainDevice("", err)
	}
	return nil
}

// attach mounts on dir: by mount(2) where that is allowed, else through fusermount3.
func attach(ctx context.Context, dir string, o *Options) (attachment, error) {
	if os.Geteuid() == 0 {
		a, err := attachDirect(dir, o)
		if !errors.Is(err, syscall.EPERM) {
			return a, err
		}
		if _, missing := helperPath(); missing != nil {
			return a, err
		}
	}
	return attachByHelper(ctx, dir, o)
}

// attachDirect mounts by mount(2), for root here or in a user name space.
func attachDirect(dir string, o *Options) (attachment, error) {
	fd, err := unix.Open(fuseDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return attachment{}, explainDevice(dir, err)
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if o.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,max_read=%d", fd, os.Geteuid(), os.Getegid(), maxTransfer)
	if o.AllowOther {
		data += ",allow_other"
	}
	if o.AsCaller {
		data += ",default_permissions"
	}
	if err := unix.Mount(o.FSName, dir, "fuse."+o.Subtype, flags, data); err != nil {
		_ = unix.Close(fd)
		return attachment{}, explainMount(dir, err)
	}
	return attachment{dir: dir, fd: fd}, nil
}

// attachByHelper has fusermount3 mount, which passes the device back through a socket.
func attachByHelper(ctx context.Context, dir string, o *Options) (attachment, error) {
	path, err := helperPath()
	if err != nil {
		return attachment{}, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return attachment{}, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "fusermount"), os.NewFile(uintptr(pair[1]), "fusermount")
	defer ours.Close()
	defer theirs.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "-o", helperOptions(o), "--", dir)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return attachment{}, explainHelper(dir, strings.TrimSpace(said.String()), err)
	}
	fd, err := receive(pair[0])
	if err != nil {
		return attachment{}, &MountError{Dir: dir, Reason: helper + " mounted, but passed no descriptor", Err: err}
	}
	return attachment{dir: dir, fd: fd, byHelper: true}, nil
}

// helperPath finds fusermount3, also where PATH does not lead.
func helperPath() (string, error) {
	for _, name := range []string{helper, "/usr/bin/" + helper, "/bin/" + helper} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &MountError{Reason: helper + " is needed to mount as an ordinary user and is not here",
		Hint: "install the " + helperFrom + ", or use rump shell, which does without", Err: exec.ErrNotFound}
}

// helperOptions are those of mount(8).
func helperOptions(o *Options) string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace
	list := []string{"nosuid", "nodev", "fsname=" + escape(o.FSName), "subtype=" + escape(o.Subtype), fmt.Sprintf("max_read=%d", maxTransfer)}
	for _, opt := range []struct {
		on   bool
		name string
	}{{o.ReadOnly, "ro"}, {o.AllowOther, "allow_other"}, {o.AsCaller, "default_permissions"}} {
		if opt.on {
			list = append(list, opt.name)
		}
	}
	return strings.Join(list, ",")
}

// receive takes the descriptor from the socket.
func receive(socket int) (int, error) {
	space := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), space, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(space[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.Join(errors.New("no control message"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.Join(errors.New("no descriptor in it"), err)
	}
	return fds[0], nil
}

// detach unmounts. EBUSY while the mount is used.
func (a *attachment) detach() error { return a.unmount(0, "-u") }

// abandon unmounts lazily.
func (a *attachment) abandon() error { return a.unmount(unix.MNT_DETACH, "-uz") }

func (a *attachment) unmount(flags int, option string) error {
	if !a.byHelper {
		if err := unix.Unmount(a.dir, flags); err != nil {
			return &os.PathError{Op: "unmount", Path: a.dir, Err: err}
		}
		return nil
	}
	path, err := helperPath()
	if err != nil {
		return err
	}
	out, err := exec.Command(path, option, "--", a.dir).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if strings.Contains(said, "busy") {
		return syscall.EBUSY
	}
	return fmt.Errorf("%s: %w: %s", a.dir, err, said)
}

// readAhead is how much the kernel reads ahead, if it lets us say so, else 128 KiB. It fits a pipe.
const readAhead = 512 << 10

// raiseReadAhead lets the kernel read more ahead, if this process may say so. It is no loss if not.
func (a *attachment) raiseReadAhead() {
	var st unix.Stat_t
	if unix.Stat(a.dir, &st) != nil {
		return
	}
	bdi := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	_ = os.WriteFile(bdi, fmt.Appendf(nil, "%d", readAhead>>10), 0)
}
