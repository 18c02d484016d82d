package sysctl_test

import (
	"errors"
	"reflect"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/kern/sysctl"
)

// tree makes a small tree and fails the test if it cannot.
func tree(t *testing.T) (tr *sysctl.Tree, name *string) {
	t.Helper()
	tr, name = sysctl.New(), new("old")
	add := func(path string, n sysctl.Node) {
		t.Helper()
		if err := tr.Add(path, n); err != nil {
			t.Fatal(err)
		}
	}
	add("", sysctl.Node{Name: "kern", Num: 1})
	add("kern", sysctl.Node{Name: "rev", Num: 3, Flags: sysctl.Immediate, Read: sysctl.Const(int32(7))})
	add("kern", sysctl.Node{
		Name: "hostname", Num: 10, Size: 256, Desc: "its name",
		Read:  func(sysctl.Call) (sysctl.Value, error) { return *name, nil },
		Write: func(_ sysctl.Call, v sysctl.Value) error { *name = v.(string); return nil },
	})
	add("kern", sysctl.Node{Name: "mbuf"})
	add("kern.mbuf", sysctl.Node{Name: "size", Read: sysctl.Const(int64(1 << 40))})
	add("kern.mbuf", sysctl.Node{Name: "first", Read: sysctl.Const(true)}.Zero())
	return tr, name
}

// TestWalk asks for names that exist and names that do not.
func TestWalk(t *testing.T) {
	tr, _ := tree(t)
	for _, c := range []struct {
		name []int32
		kind sysctl.Kind
		want sysctl.Value
		err  error
	}{
		{[]int32{1, 3}, sysctl.Int, int32(7), nil},
		{[]int32{1, 10}, sysctl.String, "old", nil},
		{[]int32{1, 1024, 1024}, sysctl.Quad, int64(1 << 40), nil},
		{[]int32{1, 1024, 0}, sysctl.Bool, true, nil},
		{[]int32{}, 0, nil, syscall.EISDIR},
		{[]int32{1}, 0, nil, syscall.EISDIR},
		{[]int32{2}, 0, nil, syscall.ENOENT},
		{[]int32{-1 << 31}, 0, nil, syscall.ENOENT},
		{[]int32{1<<31 - 1}, 0, nil, syscall.ENOENT},
		{[]int32{1, 3, 1}, 0, nil, syscall.ENOTDIR},
	} {
		kind, v, err := tr.Get(c.name, sysctl.Call{})
		if kind != c.kind || !errors.Is(err, c.err) || !reflect.DeepEqual(v, c.want) {
			t.Errorf("%v is %v %v, %v, want %v %v, %v", c.name, kind, v, err, c.kind, c.want, c.err)
		}
	}
}

// TestSet sets what can be set, and what cannot.
func TestSet(t *testing.T) {
	tr, name := tree(t)
	for _, c := range []struct {
		name []int32
		v    sysctl.Value
		err  error
	}{
		{[]int32{1, 10}, "new", nil},
		{[]int32{1, 10}, int32(1), syscall.EINVAL},
		{[]int32{1, 3}, int32(1), syscall.EPERM},
		{[]int32{1}, "x", syscall.EISDIR},
		{[]int32{9}, "x", syscall.ENOENT},
	} {
		if err := tr.Set(c.name, sysctl.Call{}, c.v); !errors.Is(err, c.err) {
			t.Errorf("set %v to %v: %v, want %v", c.name, c.v, err, c.err)
		}
	}
	if *name != "new" {
		t.Errorf("the name is %q, want new", *name)
	}
	if _, size, err := tr.MaySet([]int32{1, 10}, true); size != 256 || err != nil {
		t.Errorf("the superuser may set it in %d bytes, %v", size, err)
	}
	if _, _, err := tr.MaySet([]int32{1, 10}, false); err != syscall.EPERM {
		t.Errorf("anybody may set it: %v, want EPERM", err)
	}
}

// TestList looks at groups, and sees stamps change.
func TestList(t *testing.T) {
	tr, _ := tree(t)
	list, err := tr.List([]int32{1}, sysctl.Call{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%d nodes, %v, want 3", len(list), err)
	}
	if n := list[0]; n.Name != "rev" || n.Value != int32(7) || n.Size != 4 || n.Flags&sysctl.Writable != 0 {
		t.Errorf("rev is %+v", n)
	}
	if n := list[1]; n.Name != "hostname" || n.Value != nil || n.Size != 256 || n.Flags&sysctl.Writable == 0 {
		t.Errorf("hostname is %+v", n)
	}
	if n := list[2]; n.Name != "mbuf" || n.Num != 1024 || n.Kind != sysctl.Inner || n.Children != 2 {
		t.Errorf("mbuf is %+v", n)
	}
	before := list[2].Version
	if err := tr.Add("kern.mbuf", sysctl.Node{Name: "new", Read: sysctl.Const("x")}); err != nil {
		t.Fatal(err)
	}
	if list, _ = tr.List([]int32{1}, sysctl.Call{}); list[2].Version <= before {
		t.Errorf("the stamp is %d after a change, %d before", list[2].Version, before)
	}
	if _, err := tr.List([]int32{1, 3}, sysctl.Call{}); err != syscall.ENOTDIR {
		t.Errorf("nodes below a leaf: %v, want ENOTDIR", err)
	}
	if err := tr.Remove("kern.mbuf"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.List([]int32{1, 1024}, sysctl.Call{}); err != syscall.ENOENT {
		t.Errorf("what was removed: %v, want ENOENT", err)
	}
	for path, n := range map[string]sysctl.Node{
		"kern.none": {Name: "x"}, "kern.rev": {Name: "x"},
	} {
		if err := tr.Add(path, n); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("below %s: %v, want ENOENT", path, err)
		}
	}
	for _, n := range []sysctl.Node{{Name: "rev"}, {Name: "other", Num: 3}} {
		if err := tr.Add("kern", n); !errors.Is(err, syscall.EEXIST) {
			t.Errorf("%s %d once more: %v, want EEXIST", n.Name, n.Num, err)
		}
	}
}

// TestTogether changes the tree while others look.
func TestTogether(t *testing.T) {
	tr, _ := tree(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if _, err := tr.List([]int32{1}, sysctl.Call{}); err != nil {
					t.Error(err)
				}
				if _, _, err := tr.Get([]int32{1, 3}, sysctl.Call{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		if err := tr.Add("kern", sysctl.Node{Name: "x", Read: sysctl.Const("x")}); err != nil {
			t.Error(err)
		}
		if err := tr.Remove("kern.x"); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}
