package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/client"
	"rump/sysproxy/sysproxytest"
)

var (
	ctx = context.Background()
	le  = binary.LittleEndian
)

// seed is what the library of every genuine program does first.
func seed(c *client.Client) error {
	_, err := c.Sysctl(client.Mib{netbsd.CTL_KERN, netbsd.KERN_ARND}, 64, nil)
	return err
}

// sessions are the calls of genuine programs, made with this library. Errors that the program went on after are left out.
var sessions = map[string]func(c *client.Client) error{
	"mkdir": func(c *client.Client) error {
		_, err := c.Umask(0)
		return errors.Join(err, c.Mkdir("/mnt", 0o755))
	},
	"mv": func(c *client.Client) error {
		_ = c.Ioctl(0, netbsd.TIOCGETA, make([]byte, 44))
		_, serr := c.Stat("/mnt/y")
		aerr := c.Access("/mnt/y", 0)
		if !errors.Is(serr, netbsd.ENOENT) || !errors.Is(aerr, netbsd.ENOENT) {
			return fmt.Errorf("%v, %v, want ENOENT", serr, aerr)
		}
		return c.Rename("/mnt/x", "/mnt/y")
	},
	"rm": func(c *client.Client) error {
		_ = c.Ioctl(0, netbsd.TIOCGETA, make([]byte, 44))
		st, err := c.Lstat("/mnt/y")
		if err == nil && (st.Mode != netbsd.S_IFREG|0o644 || st.Nlink != 1) {
			err = fmt.Errorf("lstat tells %+v", st)
		}
		return errors.Join(err, c.Access("/mnt/y", 2), c.Unlink("/mnt/y"))
	},
	"ln": func(c *client.Client) error {
		_, _ = c.Lstat("/mnt/lnk")
		_, _ = c.Stat("/mnt/lnk")
		_, _ = c.Lstat("/mnt/lnk")
		return c.Symlink("foo", "/mnt/lnk")
	},
	"chmod": func(c *client.Client) error {
		old, err := c.Umask(0)
		if err == nil && old != 0o22 {
			err = fmt.Errorf("umask is %o", old)
		}
		_, err2 := c.Umask(old)
		_, err3 := c.Stat("/mnt")
		fd, err4 := c.Open(".", netbsd.O_CLOEXEC, 0)
		return errors.Join(err, err2, err3, err4, c.Fchdir(fd), c.Chmod("/mnt", netbsd.S_IFDIR|0o700, true))
	},
	"umount": func(c *client.Client) error {
		_, err := c.Lstat("/mnt")
		_, err2 := c.Stat("/mnt")
		list, err3 := c.Mounts()
		if err3 == nil && (len(list) != 2 || list[0].FSType != "rumpfs" || list[1].MntOn != "/mnt" || list[1].MntFrom != "/dev/dk0") {
			err3 = fmt.Errorf("mounts are %+v", list)
		}
		return errors.Join(err, err2, err3, c.Unmount("/mnt", 0))
	},
	"cp": func(c *client.Client) error {
		_, _, err := c.Getuid()
		old, err2 := c.Umask(0)
		_, err3 := c.Umask(old)
		_, _ = c.Stat("/mnt/x")
		_, err4 := c.Lstat("/dev/null")
		_, err5 := c.Stat("/dev/null")
		_, _ = c.Stat("/mnt/x")
		from, err6 := c.Open("/dev/null", netbsd.O_RDONLY, 0)
		to, err7 := c.Open("/mnt/x", netbsd.O_WRONLY|netbsd.O_TRUNC|netbsd.O_CREAT, netbsd.S_IFCHR|0o644)
		n, err8 := c.Read(from, make([]byte, 64<<10))
		if n != 0 {
			err8 = fmt.Errorf("%d bytes of nothing", n)
		}
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8, c.CloseFD(from), c.CloseFD(to))
	},
	"dd": func(c *client.Client) error {
		from, err := c.Open("/dev/zero", netbsd.O_RDONLY, 0)
		_, err2 := c.Fstat(from)
		if err := c.Ioctl(from, 0x40386d02, make([]byte, 56)); !errors.Is(err, netbsd.ENODEV) {
			return fmt.Errorf("a tape's ioctl: %v, want ENODEV", err)
		}
		to, err3 := c.Open("/mnt/f", netbsd.O_RDWR|netbsd.O_CREAT|netbsd.O_TRUNC, 0o666)
		_, err4 := c.Fstat(to)
		_, err5 := c.Seek(to, 0, netbsd.SEEK_CUR)
		_, err6 := c.Gettimeofday()
		errs := []error{err, err2, err3, err4, err5, err6}
		b := make([]byte, 1000)
		for range 3 {
			n, err := c.Read(from, b)
			m, err2 := c.Write(to, b)
			if n != len(b) || m != len(b) {
				err = fmt.Errorf("moved %d and %d bytes, %w", n, m, err)
			}
			errs = append(errs, err, err2)
		}
		_ = c.CloseFD(to)
		_, _ = c.Gettimeofday()
		return errors.Join(errs...)
	},
	"mount_ffs": func(c *client.Client) error {
		_, err := c.Lstat("/dev")
		_, err2 := c.Lstat("/dev/dk0")
		_, err3 := c.Lstat("/mnt")
		return errors.Join(err, err2, err3, c.Mount("ffs", "/mnt", 0, "/dev/dk0"))
	},
	"mount_tmpfs": func(c *client.Client) error {
		_, err := c.Lstat("/mnt")
		_, err2 := c.Stat("/mnt")
		return errors.Join(err, err2, c.MountTmpfs("/mnt", 0, netbsd.TmpfsArgs{SizeMax: 1000000, RootMode: netbsd.S_IFDIR | 0o755}))
	},
	"df-i": func(c *client.Client) error {
		_, err := c.Mounts()
		root, err2 := c.Statvfs("/")
		mnt, err3 := c.Statvfs("/mnt")
		if root.FSType != "rumpfs" || mnt.Files != 3838 || mnt.Ffree != 3837 {
			err3 = fmt.Errorf("%+v and %+v, %w", root, mnt, err3)
		}
		return errors.Join(err, err2, err3)
	},
	"halt": func(c *client.Client) error { return c.Reboot(netbsd.RB_AUTOBOOT) },
}

// TestReplay makes the calls of genuine programs against a recording of a genuine server: the frames sent must be those that it
// accepted, but for addresses.
func TestReplay(t *testing.T) {
	for name, run := range sessions {
		t.Run(name, func(t *testing.T) {
			s := sysproxytest.Load(t, name)
			f := newFake(t, s)
			c, err := client.Dial(ctx, f.url, client.Options{Program: string(bytes.TrimRight(s.Frames[0].Body, "\x00"))})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := seed(c); err != nil {
				t.Fatal(err)
			}
			if name != "umount" && name != "halt" && name[:2] != "mo" {
				if _, err := c.Syscall(netbsd.SYS_ISSETUGID); err != nil {
					t.Fatal(err)
				}
			}
			if err := run(c); err != nil {
				t.Error(err)
			}
			c.Close()
			f.finish()
		})
	}
}

// A fake is a genuine server, recorded. It plays its half as long as the client plays the other.
type fake struct {
	t      *testing.T
	url    string
	frames []sysproxytest.Frame
	addrs  map[uint64]uint64 // recorded address -> the client's
	asked  map[uint64]bool
	done   chan struct{}
	at     int
}

func newFake(t *testing.T, s *sysproxytest.Session) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "rump")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, url: "unix://" + path, frames: s.Frames, addrs: map[uint64]uint64{}, asked: map[uint64]bool{}, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer l.Close()
		sock, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer sock.Close()
		sock.SetDeadline(time.Now().Add(20 * time.Second))
		if err := f.play(sock); err != nil && !t.Failed() {
			t.Errorf("frame %d: %v", f.at, err)
		}
	}()
	return f
}

// finish waits for the end, which must be that of what the program needs an answer for: what it does to print is not played.
func (f *fake) finish() {
	f.t.Helper()
	<-f.done
	for _, fr := range f.frames[f.at:] {
		if fr.FromClient && fr.Class == sysproxy.Request && fr.Arg != netbsd.SYS___FSTAT50 && fr.Arg != netbsd.SYS_IOCTL {
			f.t.Errorf("call %d was not made", fr.Arg)
		}
	}
}

func (f *fake) play(sock net.Conn) error {
	if _, err := sock.Write([]byte(sysproxy.Banner())); err != nil {
		return err
	}
	for i, fr := range f.frames {
		f.at = i
		if !fr.FromClient {
			if _, err := sock.Write(f.translate(fr)); err != nil {
				return err
			}
			continue
		}
		b := make([]byte, sysproxy.HeaderSize)
		if _, err := io.ReadFull(sock, b); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // finish says what is missing
			}
			return err
		}
		var h sysproxy.Header
		h.Decode(b)
		if h != fr.Header {
			return fmt.Errorf("header is %+v, want %+v", h, fr.Header)
		}
		body := make([]byte, len(fr.Body))
		if _, err := io.ReadFull(sock, body); err != nil {
			return err
		}
		if err := f.compare(body, fr.Body); err != nil {
			return err
		}
	}
	f.at = len(f.frames)
	return nil
}

// isAddress reports whether a recorded word is an address of the genuine program's.
func isAddress(v uint64) bool { return v >= 1<<40 && v < 1<<47 }

// compare holds a body against the recorded one. Addresses are learned, and must then be the same.
func (f *fake) compare(got, want []byte) error {
	for i := 0; i < len(want); i += 8 {
		if i+8 > len(want) || !isAddress(le.Uint64(want[i:])) {
			end := min(i+8, len(want))
			if !bytes.Equal(got[i:end], want[i:end]) {
				return fmt.Errorf("at byte %d of %x, want %x", i, got, want)
			}
			continue
		}
		g, w := le.Uint64(got[i:]), le.Uint64(want[i:])
		if g == 0 {
			return fmt.Errorf("a null pointer at byte %d of %x, want one to memory", i, got)
		}
		f.addrs[w] = g
	}
	return nil
}

// translate puts the client's address into a copyin or copyout.
func (f *fake) translate(fr sysproxytest.Frame) []byte {
	b := fr.Bytes()
	if fr.Class != sysproxy.Request {
		return b
	}
	at := b[sysproxy.HeaderSize+8:]
	addr := le.Uint64(at)
	best := uint64(0)
	for a := range f.addrs {
		if a <= addr && a > best {
			best = a
		}
	}
	le.PutUint64(at, f.addrs[best]+addr-best)
	return b
}
