package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A rival is a mount of one kind on a disk in memory.
type rival struct {
	name string
	dir  string
	pid  int // of the server, 0 if unknown
}

// diskSize is the size of each rival's image, bytes.
const diskSize = 4 << 30

// mountAll mounts every kind that this machine has. The disks lie in memory, so that what is measured is the way there.
func mountAll(b *testing.B) []rival {
	b.Helper()
	if os.Getuid() != 0 {
		b.Skip("mounts of all kinds side by side need root")
	}
	base, err := os.MkdirTemp("/dev/shm", "rump-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(base) })
	var list []rival
	for _, kind := range []struct {
		name, tool, debian string
		mount              func(b *testing.B, base, dir string) *exec.Cmd
	}{
		{"rump", "go", "golang", mountRump},
		{"rump-be", "go", "golang", mountRumpBig},
		{"loopback", "go", "golang", mountLoopback},
		{"fuse2fs", "fuse2fs", "fuse2fs", mountFuse2fs},
		{"ntfs-3g", "ntfs-3g", "ntfs-3g", mountNTFS},
	} {
		if _, err := exec.LookPath(kind.tool); err != nil {
			b.Logf("%s left out: no %s (Debian package %s)", kind.name, kind.tool, kind.debian)
			continue
		}
		if only := os.Getenv("RUMP_BENCH"); only != "" && !strings.Contains(","+only+",", ","+kind.name+",") {
			continue
		}
		dir := filepath.Join(base, kind.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		cmd := kind.mount(b, filepath.Join(base, kind.name+".disk"), dir)
		list = append(list, rival{kind.name, dir, cmd.Process.Pid})
		waitMounted(b, dir)
		b.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				b.Errorf("unmount %s: %v", dir, err)
				_ = syscall.Unmount(dir, syscall.MNT_DETACH)
			}
			_ = cmd.Wait()
		})
	}
	return list
}

// serve starts a server that stays in the foreground.
func serve(b *testing.B, name string, args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return cmd
}

func waitMounted(b *testing.B, dir string) {
	b.Helper()
	for range 1000 {
		f, err := os.Open("/proc/self/mountinfo")
		if err != nil {
			b.Fatal(err)
		}
		found := false
		for s := bufio.NewScanner(f); s.Scan(); {
			found = found || strings.Contains(s.Text(), " "+dir+" ")
		}
		f.Close()
		if found {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatalf("%s: no mount came", dir)
}

// build compiles a command once into the disks' directory.
func build(b *testing.B, out, pkg string) string {
	b.Helper()
	if _, err := os.Stat(out); err != nil {
		hostCommand(b, "go", "build", "-o", out, pkg)
	}
	return out
}

func mountRump(b *testing.B, disk, dir string) *exec.Cmd    { return rumpOn(b, disk, dir, "le") }
func mountRumpBig(b *testing.B, disk, dir string) *exec.Cmd { return rumpOn(b, disk, dir, "be") }

func rumpOn(b *testing.B, disk, dir, order string) *exec.Cmd {
	exe := build(b, filepath.Join(filepath.Dir(disk), "rump.exe"), "rump/cmd/rump")
	hostCommand(b, exe, "newfs", "-V", "0", "-O", "2", "-B", order, "-F", "-s", fmt.Sprintf("%db", diskSize/512), disk)
	return serve(b, exe, "mount", "-f", disk, dir)
}

func mountLoopback(b *testing.B, disk, dir string) *exec.Cmd {
	exe := build(b, filepath.Join(filepath.Dir(disk), "loopback.exe"), "github.com/hanwen/go-fuse/v2/example/loopback")
	if err := os.Mkdir(disk, 0o755); err != nil {
		b.Fatal(err)
	}
	return serve(b, exe, "-q", dir, disk)
}

func emptyDisk(b *testing.B, disk string) {
	b.Helper()
	f, err := os.Create(disk)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(diskSize); err != nil {
		b.Fatal(err)
	}
}

func mountFuse2fs(b *testing.B, disk, dir string) *exec.Cmd {
	emptyDisk(b, disk)
	hostCommand(b, "mke2fs", "-q", "-F", "-t", "ext4", "-N", "200000", disk)
	return serve(b, "fuse2fs", "-f", "-o", "fakeroot", disk, dir)
}

func mountNTFS(b *testing.B, disk, dir string) *exec.Cmd {
	emptyDisk(b, disk)
	hostCommand(b, "mkntfs", "-q", "-F", "-Q", disk)
	return serve(b, "ntfs-3g", "-o", "no_detach", disk, dir)
}

func hostCommand(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// peak is the largest resident size of the server, MiB.
func (r rival) peak() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid))
	if err != nil {
		return 0
	}
	var kb float64
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}

// dropCache makes the host forget a file's pages.
func dropCache(b *testing.B, path string) {
	b.Helper()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0); err != nil {
		b.Fatal(err)
	}
}

// goSource is the source tree of the Go distribution and an archive of it in memory.
func goSource(b *testing.B) (tree, archive string) {
	b.Helper()
	tree = filepath.Join(runtime.GOROOT(), "src")
	if _, err := os.Stat(tree); err != nil {
		b.Skipf("no Go source tree: %v", err)
	}
	dir, err := os.MkdirTemp("/dev/shm", "rump-tree-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	archive = filepath.Join(dir, "src.tar")
	hostCommand(b, "tar", "cf", archive, "-C", tree, ".")
	return tree, archive
}
