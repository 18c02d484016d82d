package tool_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"rump/cmd/rump/tool"
	"rump/ffs/mkfs"
)

// A mounts is a name space of which only the file systems are known.
type mounts struct {
	tool.FS
	list []tool.Mount
}

func (m mounts) Mounts(_ context.Context, path string) ([]tool.Mount, error) {
	if path == "" {
		return m.list, nil
	}
	for _, one := range m.list {
		if one.On == path {
			return []tool.Mount{one}, nil
		}
	}
	return nil, syscall.ENOENT
}

var genuineMounts = mounts{list: []tool.Mount{
	{Type: "rumpfs", From: "rumpfs", On: "/", Local: true, BlockSize: 512, FragSize: 512, Blocks: 2},
	{Type: "ffs", From: "/dev/dk0", On: "/mnt", Local: true, BlockSize: 4096, FragSize: 512, Blocks: 15295, Free: 15294, Avail: 14530, Files: 3838, Ifree: 3837, NameMax: 255},
}}

func TestDf(t *testing.T) {
	for _, c := range []struct {
		name string
		df   tool.Df
		want string
	}{
		{"-i", tool.Df{Inodes: true}, `Filesystem   512-blocks       Used      Avail %Cap    iUsed   iAvail %iCap Mounted on
rumpfs                2          2          0 100%        0        0    0% /
/dev/dk0          15295          1      14530   0%        1     3837    0% /mnt
`}, // as NetBSD's
		{"", tool.Df{Paths: []string{"/"}}, `Filesystem   512-blocks       Used      Avail %Cap Mounted on
rumpfs                2          2          0 100% /
`},
		{"-k", tool.Df{Kilo: true, Types: "ffs"}, `Filesystem    1K-blocks       Used      Avail %Cap Mounted on
/dev/dk0           7647          0       7265   0% /mnt
`},
		{"-h", tool.Df{Human: true, Types: "norumpfs,nfs"}, `Filesystem         Size       Used      Avail %Cap Mounted on
/dev/dk0           7.5M       512B       7.1M   0% /mnt
`},
		{"-Pk", tool.Df{Portable: true, Kilo: true, Local: true, Types: "ffs"}, "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/dk0 7647 0 7265 0% /mnt\n"},
		{"-t", tool.Df{Types: "nfs"}, ""},
		{"-G", tool.Df{Generic: true, Types: "ffs"}, `      /mnt (/dev/dk0    ):    4096 block size          512 frag size
     15295 total blocks      15294 free blocks       14530 available
      3838 total files        3837 free files            0 filesys id
       ffs fstype           0x1000 flag                255 filename length

`},
	} {
		if got := must(t, genuineMounts, &c.df); got != c.want {
			t.Errorf("df %s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if a := run(t, genuineMounts, &tool.Df{Paths: []string{"/nope"}}, ""); a.err != tool.Status(1) || a.errs != "t: /nope: No such file or directory\n" {
		t.Errorf("df /nope: %+v", a)
	}
	if a := run(t, genuineMounts, &tool.Df{Portable: true, Inodes: true}, ""); a.err == nil {
		t.Error("df -Pi: no error")
	}
}

// TestDfImage counts the same as newfs of NetBSD leaves.
func TestDfImage(t *testing.T) {
	fs := space(t, volume(t, mkfs.Options{Version: 1}, 8<<20))
	want := `Filesystem   512-blocks       Used      Avail %Cap    iUsed   iAvail %iCap Mounted on
/dev/dk0          15295          1      14530   0%        1     3837    0% /
`
	if got := must(t, fs, &tool.Df{Inodes: true}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDu(t *testing.T) {
	fs := newFFS(t)
	mkdir(t, fs, "a")
	mkdir(t, fs, "a/b")
	put(t, fs, "a/b/big", strings.Repeat("z", 100000))
	put(t, fs, "a/small", "z")
	if err := fs.Link(ctx, "a/b/big", "a/again"); err != nil {
		t.Fatal(err)
	}
	two := 2
	for _, c := range []struct {
		name string
		du   tool.Du
		want string
	}{
		{"", tool.Du{}, "209\t./a/b\n211\t./a\n212\t.\n"},
		{"-a", tool.Du{All: true, Paths: []string{"a"}}, "208\ta/b/big\n209\ta/b\n1\ta/small\n211\ta\n"},
		{"-s", tool.Du{Summary: true, Paths: []string{"a/b", "a/small"}}, "209\ta/b\n1\ta/small\n"},
		{"-kc", tool.Du{Kilo: true, Total: true, Summary: true, Paths: []string{"a/b", "a/small"}}, "105\ta/b\n1\ta/small\n105\ttotal\n"},
		{"-h", tool.Du{Human: true, Depth: new(int)}, "106K\t.\n"},
		{"-i", tool.Du{Inodes: true, Depth: &two}, "2\t./a/b\n4\t./a\n5\t.\n"},
	} {
		if got := must(t, fs, &c.du); got != c.want {
			t.Errorf("du %s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
