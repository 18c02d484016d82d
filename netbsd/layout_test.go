package netbsd_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"rump/netbsd"
)

// unhex reads bytes as they were recorded.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStatGolden decodes and encodes what the genuine server said of /dev/zero.
func TestStatGolden(t *testing.T) {
	b := unhex(t, "0700000000000000 a421000000000000 0700000000000000 01000000 00000000 00000000 00000000 0c02000000000000"+
		"fac1066b00000000 19083b3a00000000 fac1066b00000000 19083b3a00000000 fac1066b00000000 19083b3a00000000 fac1066b00000000 19083b3a00000000"+
		"0002000000000000 0100000000000000 00020000 00000000 00000000 00000000 0000000000000000")
	at := netbsd.Timespec{Sec: 0x6b06c1fa, Nsec: 0x3a3b0819}
	want := netbsd.Stat{
		Dev: 7, Mode: netbsd.S_IFCHR | 0o644, Ino: 7, Nlink: 1, Rdev: netbsd.MakeDev(2, 12), Atim: at, Mtim: at, Ctim: at, Birthtim: at,
		Size: 512, Blocks: 1, BlockSize: 512,
	}
	var got netbsd.Stat
	got.Decode(b)
	if got != want {
		t.Errorf("stat is %+v, want %+v", got, want)
	}
	again := make([]byte, netbsd.StatSize)
	want.Encode(again)
	if !bytes.Equal(again, b) {
		t.Errorf("stat in bytes is %x, want %x", again, b)
	}
}

// TestDirentGolden reads the recorded listing of an FFS directory, and writes it again.
func TestDirentGolden(t *testing.T) {
	b := unhex(t, "0200000000000000 1000 0100 04 2e0000 0200000000000000 1000 0200 04 2e2e00 0300000000000000 1000 0100 08 780000")
	want := []netbsd.Dirent{{2, netbsd.DT_DIR, "."}, {2, netbsd.DT_DIR, ".."}, {3, netbsd.DT_REG, "x"}}
	var got []netbsd.Dirent
	var again []byte
	for rest := b; len(rest) > 0; {
		var d netbsd.Dirent
		var err error
		if d, rest, err = netbsd.NextDirent(rest); err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
		again = netbsd.AppendDirent(again, d.Fileno, d.Type, []byte(d.Name))
	}
	if !reflect.DeepEqual(got, want) || !bytes.Equal(again, b) {
		t.Errorf("entries are %v, %x, want %v, %x", got, again, want, b)
	}
}

// TestDevices packs numbers that were seen on the genuine server, and takes random ones apart.
func TestDevices(t *testing.T) {
	if got := netbsd.MakeDev(197, 0); got != 0xc500 {
		t.Errorf("block 197,0 is %#x, want 0xc500", got)
	}
	if err := quick.Check(func(major uint16, minor uint32) bool {
		major, minor = major&0xfff, minor&0xfffff
		d := netbsd.MakeDev(uint32(major), minor)
		return netbsd.Major(d) == uint32(major) && netbsd.Minor(d) == minor
	}, nil); err != nil {
		t.Error(err)
	}
}

// A layout is a structure in a fixed number of bytes.
type layout interface {
	Encode(b []byte)
	Decode(b []byte)
}

// TestRoundTrips encodes random values and decodes them again.
func TestRoundTrips(t *testing.T) {
	check := func(name string, f any) {
		t.Helper()
		if err := quick.Check(f, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	again := func(size int, in, out layout) bool {
		b := make([]byte, size)
		in.Encode(b)
		out.Decode(b)
		return reflect.DeepEqual(in, out)
	}
	check("stat", func(s netbsd.Stat) bool { return again(netbsd.StatSize, &s, new(netbsd.Stat)) })
	check("statvfs", func(s netbsd.Statvfs) bool {
		s.FSType, s.MntOn, s.MntFrom = "ffs", "/mnt", strings.Repeat("x", 1023)
		return again(netbsd.StatvfsSize, &s, new(netbsd.Statvfs))
	})
	check("flock", func(f netbsd.Flock) bool { return again(netbsd.FlockSize, &f, new(netbsd.Flock)) })
	check("tmpfs_args", func(a netbsd.TmpfsArgs) bool { return again(netbsd.TmpfsArgsSize, &a, new(netbsd.TmpfsArgs)) })
	check("modstat", func(m netbsd.Modstat) bool {
		m.Name, m.Required = "ffs", "wapbl"
		return again(netbsd.ModstatSize, &m, new(netbsd.Modstat))
	})
	check("disklabel", func(l netbsd.Disklabel, p [3]netbsd.Partition) bool {
		l.TypeName, l.PackName, l.Partitions = "rumpd", "fictitious", p[:]
		return again(netbsd.DisklabelSize, &l, new(netbsd.Disklabel))
	})
	check("pollfd", func(p netbsd.Pollfd) bool {
		b := make([]byte, netbsd.PollfdSize)
		p.Encode(b)
		var q netbsd.Pollfd
		q.Decode(b)
		return p == q
	})
	check("sysctlnode", func(n netbsd.SysctlNode) bool {
		n.Name = "hostname"
		if n.Type() == netbsd.CTLTYPE_NODE {
			n.Immediate = 0
		} else if n.ChildSize, n.ChildLen = 0, 0; n.Flags&netbsd.CTLFLAG_IMMEDIATE == 0 {
			n.Immediate = 0
		}
		return again(netbsd.SysctlNodeSize, &n, new(netbsd.SysctlNode))
	})
}

// TestTypeHash compares with identities that the genuine server gave.
func TestTypeHash(t *testing.T) {
	for name, want := range map[string]uint32{"ffs": 0x78b, "rumpfs": 0x1a0ab} {
		if got := netbsd.TypeHash(name); got != want {
			t.Errorf("hash of %s is %#x, want %#x", name, got, want)
		}
	}
}

// FuzzDirents reads any bytes as a listing.
func FuzzDirents(f *testing.F) {
	f.Add(netbsd.AppendDirent(nil, 2, netbsd.DT_DIR, []byte("..")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			d, rest, err := netbsd.NextDirent(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) || len(d.Name) > len(b) {
				t.Fatalf("%d bytes left of %d", len(rest), len(b))
			}
			b = rest
		}
	})
}

// FuzzSysctlDescs reads any bytes as descriptions.
func FuzzSysctlDescs(f *testing.F) {
	f.Add(netbsd.AppendSysctlDesc(nil, 1, 2, "what it is"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, text, rest, err := netbsd.NextSysctlDesc(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) || len(text) > len(b) {
				t.Fatalf("%d bytes left of %d", len(rest), len(b))
			}
			b = rest
		}
	})
}
