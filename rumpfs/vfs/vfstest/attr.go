package vfstest

import (
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"

	"rump/rumpfs/vfs"
)

func testModes(s *suite) {
	modes := []uint32{0, 0o777, 0o644, 0o400, 0o200, 0o100, 0o070, 0o007, 0o1777, 0o2755, 0o4755, 0o7777, 0o6000}
	s.dir("d")
	for _, mode := range modes {
		for _, k := range []vfs.Kind{vfs.KindRegular, vfs.KindDir, vfs.KindFifo} {
			s.ok(s.Make(fmt.Sprintf("d/new-%d-%o", k, mode), vfs.CreateAttr{Kind: k, Mode: mode}), "make with mode %o", mode)
			p := fmt.Sprintf("d/set-%d-%o", k, mode)
			s.mk(k, p)
			s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetMode, Mode: mode}), "set mode %o", mode)
		}
	}
	s.twice(func() {
		for _, mode := range modes {
			for _, k := range []vfs.Kind{vfs.KindRegular, vfs.KindDir, vfs.KindFifo} {
				for _, how := range []string{"new", "set"} {
					p := fmt.Sprintf("d/%s-%d-%o", how, k, mode)
					if a := s.stat(p); a.Mode != mode || a.Kind != k {
						s.Errorf("%s: got mode %o, kind %d, want %o, %d", p, a.Mode, a.Kind, mode, k)
					}
				}
			}
		}
	})
	s.refused(s.SetAttr("none", vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o644}), "set the mode of nothing", syscall.ENOENT)
}

func testOwners(s *suite) {
	if !s.Features.Owners {
		s.Skip("nodes cannot be given away")
	}
	type owner struct{ uid, gid uint32 }
	owners := []owner{{0, 0}, {1, 2}, {1000, 100}, {65534, 65534}, {65535, 65536}, {1 << 20, 1 << 31}, {math.MaxUint32 - 1, math.MaxUint32 - 1}}
	if limit := s.Features.OwnerMax; limit != 0 {
		owners = slices.DeleteFunc(owners, func(o owner) bool { return o.uid > limit || o.gid > limit })
		s.file("one")
		for _, set := range []vfs.SetAttr{{Mask: vfs.SetUID, UID: limit + 1}, {Mask: vfs.SetGID, GID: limit + 1}} {
			s.refused(s.SetAttr("one", set), "set an id that is too large", syscall.EINVAL)
		}
		s.ok(s.Remove("one"), "remove")
	}
	s.dir("d")
	give := func(p string, o owner) {
		s.Helper()
		s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetUID | vfs.SetGID, UID: o.uid, GID: o.gid}), "give %s to %v", p, o)
	}
	for i, o := range owners {
		for _, k := range []vfs.Kind{vfs.KindRegular, vfs.KindDir, vfs.KindSymlink} {
			p := fmt.Sprintf("d/%d-%d", k, i)
			s.mk(k, p)
			give(p, o)
		}
	}
	s.file("one")
	give("one", owner{5, 6})
	s.ok(s.SetAttr("one", vfs.SetAttr{Mask: vfs.SetUID, UID: 7}), "set the user alone")
	s.file("two")
	give("two", owner{5, 6})
	s.ok(s.SetAttr("two", vfs.SetAttr{Mask: vfs.SetGID, GID: 7}), "set the group alone")
	give("d", owner{33, 44})
	s.file("d/child")
	s.twice(func() {
		check := func(p string, want owner) {
			s.Helper()
			if a := s.stat(p); a.UID != want.uid || a.GID != want.gid {
				s.Errorf("%s: got owner %d, %d, want %d, %d", p, a.UID, a.GID, want.uid, want.gid)
			}
		}
		for i, o := range owners {
			for _, k := range []vfs.Kind{vfs.KindRegular, vfs.KindDir, vfs.KindSymlink} {
				check(fmt.Sprintf("d/%d-%d", k, i), o)
			}
		}
		check("one", owner{7, 6})
		check("two", owner{5, 7})
		if s.Features.BSDGroup {
			check("d/child", owner{0, 44})
		}
	})
}

// testTimes sets times of all eras.
func testTimes(s *suite) {
	step := max(1, s.Features.TimeStep)
	var times []vfs.Time
	for _, sec := range []int64{
		0, 1, -1, 1e9, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 33, -1 << 31, -1<<31 - 1, -1e9,
		4102444800, // 2100
		253402300799, s.Features.TimeMin, s.Features.TimeMax,
	} {
		for _, nsec := range []int32{0, 1, 123_456_789, 999_999_999} {
			if sec >= s.Features.TimeMin && sec <= s.Features.TimeMax {
				times = append(times, vfs.Time{Sec: sec, Nsec: nsec / step * step})
			}
		}
	}
	s.dir("d")
	name := func(i int) string { return fmt.Sprintf("d/%d", i) }
	atime := func(i int) vfs.Time { return times[(i+5)%len(times)] }
	for i, t := range times {
		if i%2 == 0 {
			s.dir(name(i))
		} else {
			s.file(name(i))
		}
		set := vfs.SetAttr{Mask: vfs.SetMtime | vfs.SetAtime, Mtime: t, Atime: atime(i)}
		if s.Features.Btime {
			set.Mask |= vfs.SetBtime
			set.Btime = atime(i + 1)
		}
		s.ok(s.SetAttr(name(i), set), "set times to %v, %v", t, atime(i))
	}
	s.twice(func() {
		for i, t := range times {
			a := s.stat(name(i))
			if a.Mtime != t || a.Atime != atime(i) {
				s.Errorf("%s: got times %v, %v, want %v, %v", name(i), a.Mtime, a.Atime, t, atime(i))
			}
			if s.Features.Btime && a.Btime != atime(i+1) {
				s.Errorf("%s: got time of creation %v, want %v", name(i), a.Btime, atime(i+1))
			}
		}
	})
	// One alone.
	s.file("f")
	s.ok(s.SetAttr("f", vfs.SetAttr{Mask: vfs.SetMtime | vfs.SetAtime, Mtime: vfs.Time{Sec: 10}, Atime: vfs.Time{Sec: 20}}), "set times")
	s.ok(s.SetAttr("f", vfs.SetAttr{Mask: vfs.SetMtime, Mtime: vfs.Time{Sec: 30}}), "set mtime")
	s.ok(s.SetAttr("f", vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o600}), "set the mode")
	s.twice(func() {
		if a := s.stat("f"); a.Mtime.Sec != 30 || a.Atime.Sec != 20 {
			s.Errorf("f: got times %v, %v, want 30, 20", a.Mtime, a.Atime)
		}
	})
}

// old is a time long ago, which any update replaces.
var old = vfs.Time{Sec: 1e9}

// testTimeUpdates looks at which operations set which times to now.
func testTimeUpdates(s *suite) {
	s.dir("d", "e")
	s.write("d/f", []byte("data"))
	s.mk(vfs.KindSymlink, "d/l")
	began := time.Now().Add(-2 * time.Minute).Unix() // clocks differ a little between here and there
	isNow := func(t vfs.Time) bool { return t.Sec >= began }
	age := func(paths ...string) {
		s.Helper()
		for _, p := range paths {
			s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetMtime | vfs.SetAtime, Mtime: old, Atime: old}), "set times of %s", p)
		}
	}
	// touched checks which of the paths have a new mtime, and that all have a new ctime.
	touched := func(what string, paths ...string) {
		s.Helper()
		for _, p := range []string{"d", "e", "d/f"} {
			want := false
			for _, q := range paths {
				want = want || p == q
			}
			if a, err := s.Stat(p); err == nil {
				if got := isNow(a.Mtime); got != want {
					s.Errorf("%s: new modification time of %s: got %v, want %v", what, p, got, want)
				}
				if want && !isNow(a.Ctime) {
					s.Errorf("%s: change time of %s is %v, not now", what, p, a.Ctime)
				}
			}
		}
		age("d", "e")
	}
	age("d", "e", "d/f")
	for _, c := range []struct {
		what  string
		do    func() error
		paths []string
	}{
		{"chmod", func() error { return s.SetAttr("d/f", vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o600}) }, nil},
		{"stat", func() error { _, err := s.Stat("d/f"); return err }, nil},
		{"read", func() error { s.content("d/f"); return nil }, nil},
		{"create", func() error { return s.Make("d/g", vfs.CreateAttr{Kind: vfs.KindRegular}) }, []string{"d"}},
		{"failing create", func() error { s.Make("d/g", vfs.CreateAttr{Kind: vfs.KindRegular}); return nil }, nil},
		{"link", func() error { return s.Link("d/f", "e/h") }, []string{"e"}},
		{"rename", func() error { return s.Rename("d/g", "e/g") }, []string{"d", "e"}},
		{"create", func() error { return s.Make("d/g", vfs.CreateAttr{Kind: vfs.KindRegular}) }, []string{"d"}},
		{"rename over another", func() error { return s.Rename("d/g", "e/g") }, []string{"d", "e"}},
		{"rename over", func() error { return s.Rename("e/g", "e/h") }, []string{"e"}},
		{"remove", func() error { return s.Remove("e/h") }, []string{"e"}},
		{"mkdir", func() error { return s.Make("d/s", vfs.CreateAttr{Kind: vfs.KindDir}) }, []string{"d"}},
		{"rmdir", func() error { return s.Rmdir("d/s") }, []string{"d"}},
		{"write", func() error { s.write("d/f", []byte("x")); return nil }, []string{"d/f"}},
	} {
		s.ok(c.do(), "%s", c.what)
		touched(c.what, c.paths...)
	}
	age("d/f")
	s.ok(s.SetAttr("d/f", vfs.SetAttr{Mask: vfs.SetSize, Size: 2}), "truncate")
	touched("truncate", "d/f")
	for _, p := range []string{"d", "d/f", "d/l"} {
		if c := s.stat(p).Ctime; !isNow(c) {
			s.Errorf("change time of %s is %v, not now", p, c)
		}
	}
}

// testChangeTime: every change of a node moves its change time on.
func testChangeTime(s *suite) {
	if s.Features.TimeStep > 1000 {
		s.Skip("times are too coarse")
	}
	s.dir("d", "d/sub", "e")
	s.write("d/f", []byte("data"))
	s.write("d/over", []byte("x"))
	s.ok(s.Link("d/over", "d/left"), "link")
	node := s.open("d/f")
	defer node.Close()
	set := func(mask vfs.SetMask) func() error {
		return func() error {
			return s.SetAttr("d/f", vfs.SetAttr{Mask: mask, Mode: 0o600, Size: 3, Mtime: old, Atime: old})
		}
	}
	ctime := func() time.Time {
		s.Helper()
		a, err := node.Stat()
		s.ok(err, "stat")
		return time.Unix(a.Ctime.Sec, int64(a.Ctime.Nsec))
	}
	type step struct {
		what string
		do   func() error
	}
	steps := []step{
		{"chmod", set(vfs.SetMode)},
		{"truncate", set(vfs.SetSize)},
		{"set times", set(vfs.SetMtime | vfs.SetAtime)},
		{"write", func() error { _, err := node.WriteAt([]byte("w"), 0); return err }},
		{"append", func() error { _, err := node.Append([]byte("w")); return err }},
		{"truncate the open file", func() error { return node.Truncate(2) }},
		{"link", func() error { return s.Link("d/f", "e/link") }},
		{"remove of another name", func() error { return s.Remove("e/link") }},
		{"link again", func() error { return s.Link("d/f", "e/link") }},
		{"rename over another name", func() error { return s.Rename("d/over", "e/link") }},
		{"rename", func() error { return s.Rename("d/f", "e/f") }},
		{"rename back", func() error { return s.Rename("e/f", "d/f") }},
		{"remove", func() error { return s.Remove("d/f") }},
	}
	if s.Features.Owners {
		steps = slices.Insert(steps, 0, step{"chown", func() error { return s.SetAttr("d/f", vfs.SetAttr{Mask: vfs.SetUID, UID: 7}) }})
	}
	for _, c := range steps {
		before := ctime()
		time.Sleep(12 * time.Millisecond) // the host's clock for files ticks every 4 ms, or 10
		s.ok(c.do(), "%s", c.what)
		if after := ctime(); !after.After(before) {
			s.Errorf("%s: change time before %v, after %v", c.what, before, after)
		}
	}
	for _, p := range []string{"d", "d/sub"} {
		before := s.stat(p).Ctime
		time.Sleep(12 * time.Millisecond)
		s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o700}), "chmod %s", p)
		if after := s.stat(p).Ctime; after == before {
			s.Errorf("chmod of %s: change time stays %v", p, after)
		}
	}
}

func testFlags(s *suite) {
	all := s.Features.Flags
	if all == 0 {
		s.Skip("no file flags")
	}
	set := func(p string, flags uint32) error {
		return s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetFlags, Flags: flags})
	}
	s.dir("d", "d/sub")
	s.write("d/f", []byte("data"))
	s.file("free")
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if all&bit == 0 {
			continue
		}
		for _, p := range []string{"d/f", "d"} {
			s.ok(set(p, bit), "set flag %#x of %s", bit, p)
			s.twice(func() {
				if got := s.stat(p).Flags; got != bit {
					s.Errorf("flags of %s: got %#x, want %#x", p, got, bit)
				}
				s.frozen(p, bit)
			})
			s.ok(set(p, 0), "clear flag %#x of %s", bit, p)
		}
	}
	s.ok(set("d/f", all&^(vfs.FlagSysAppend|vfs.FlagAppend)), "set all flags")
	s.ok(set("d/f", 0), "clear all flags")
	s.ok(s.Remove("d/f"), "remove without flags")
	s.refused(set("free", vfs.FlagSnapshot), "make a snapshot", syscall.EPERM, syscall.EOPNOTSUPP)
}

// frozen checks what a flag keeps from happening to d/f or d.
func (s *suite) frozen(p string, flag uint32) {
	s.Helper()
	const immutable = vfs.FlagImmutable | vfs.FlagSysImmutable
	const appendOnly = vfs.FlagAppend | vfs.FlagSysAppend
	const noUnlink = vfs.FlagNoUnlink | vfs.FlagSysNoUnlink
	want := func(mask uint32) syscall.Errno {
		if flag&mask != 0 {
			return syscall.EPERM
		}
		return 0
	}
	what := func(op string) string { return fmt.Sprintf("%s with flag %#x on %s", op, flag, p) }

	s.refused(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o755}), what("chmod"), want(immutable|appendOnly))
	to := "moved"
	if err := s.Rename(p, to); err == nil {
		s.ok(s.Rename(to, p), "rename back")
		s.refused(nil, what("rename"), want(immutable|appendOnly|noUnlink))
	} else {
		s.refused(err, what("rename"), want(immutable|appendOnly|noUnlink))
	}
	if s.Features.XattrMax > 0 {
		s.refused(s.SetXattr(p, "x", []byte("v"), vfs.XattrEither), what("set attribute"), want(immutable|appendOnly))
		if want(immutable|appendOnly) == 0 {
			s.ok(s.RemoveXattr(p, "x"), "remove attribute")
		} else {
			s.refused(s.RemoveXattr(p, "x"), what("remove attribute"), syscall.EPERM)
		}
	}
	if p == "d" {
		s.refused(s.Make("d/new", vfs.CreateAttr{Kind: vfs.KindRegular}), what("create"), want(immutable))
		if want(immutable) == 0 {
			s.refused(s.Remove("d/new"), what("remove in it"), want(appendOnly))
			s.ok(s.SetAttr("d", vfs.SetAttr{Mask: vfs.SetFlags}), "clear flags")
			s.Remove("d/new")
			s.ok(s.SetAttr("d", vfs.SetAttr{Mask: vfs.SetFlags, Flags: flag}), "set flags again")
		}
		return
	}
	s.refused(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetSize, Size: 4}), what("truncate"), want(immutable|appendOnly))
	if want(immutable|appendOnly|noUnlink) != 0 {
		s.refused(s.Remove(p), what("remove"), syscall.EPERM)
		s.refused(s.Rename("free", p), what("rename over it"), syscall.EPERM)
	}
	if err := s.Link(p, "link"); err == nil {
		s.refused(nil, what("link"), want(immutable|appendOnly))
		s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetFlags}), "clear flags")
		s.ok(s.Remove("link"), "remove link")
		s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetFlags, Flags: flag}), "set flags again")
	} else {
		s.refused(err, what("link"), want(immutable|appendOnly))
	}
	f, err := s.Open(p, true)
	if err != nil {
		s.refused(err, what("open"), want(immutable))
		return
	}
	defer f.Close()
	_, err = f.WriteAt([]byte("d"), 0)
	s.refused(err, what("write"), want(immutable|appendOnly))
	_, err = f.Append([]byte("more"))
	s.refused(err, what("append"), want(immutable))
}
