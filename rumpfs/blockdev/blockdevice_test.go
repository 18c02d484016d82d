package blockdev_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/blockdev/blockdevtest"
)

// loop makes a block device of a file by the host's loop driver, for which one must be root.
func loop(t testing.TB, size int64, sector int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes loop devices")
	}
	if _, err := exec.LookPath("losetup"); err != nil {
		if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
			t.Fatal("losetup is missing: Debian package mount")
		}
		t.Skip("losetup is missing: Debian package mount")
	}
	out, err := exec.Command("losetup", "--find", "--show", "--sector-size", strconv.Itoa(sector), hostFile(t, make([]byte, size))).CombinedOutput()
	if err != nil {
		t.Skipf("the host makes no loop devices: %s", out)
	}
	path := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", path).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %s", path, out)
		}
	})
	return path
}

func TestBlockDevice(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		path := loop(t, testSize, sector)
		t.Run(strconv.Itoa(sector), func(t *testing.T) {
			d := open(t, path, blockdev.FileOptions{})
			if d.Size() != testSize || d.SectorSize() != sector {
				t.Errorf("got %d bytes in sectors of %d, want %d, %d", d.Size(), d.SectorSize(), testSize, sector)
			}
			if _, err := blockdev.OpenFile(path, blockdev.FileOptions{}); !errors.Is(err, syscall.EBUSY) {
				t.Errorf("second writer: got %v, want EBUSY", err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			blockdevtest.Run(t, func(t testing.TB) blockdev.Device {
				// Neither changes the size of a device.
				d, err := blockdev.OpenFile(path, blockdev.FileOptions{Truncate: true, MinSize: 1 << 30})
				if err != nil {
					t.Fatal(err)
				}
				return d
			})
		})
	}
}

// TestBlockDeviceMounted: the host's own use of a device, of which a mount is one, keeps writers out.
func TestBlockDeviceMounted(t *testing.T) {
	path := loop(t, testSize, 512)
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_EXCL|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if _, err := blockdev.OpenFile(path, blockdev.FileOptions{}); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("writer: got %v, want EBUSY", err)
	}
	open(t, path, blockdev.FileOptions{ReadOnly: true}).Close()
	open(t, path, blockdev.FileOptions{NoLock: true}).Close()
}
