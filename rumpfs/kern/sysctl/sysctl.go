// Package sysctl is a tree of named and numbered settings of a kernel, as sysctl(7) has it: values that are read, and some
// that may be set.
package sysctl

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A Kind is what a node holds.
type Kind uint8

// The kinds, numbered as BSD has them.
const (
	Inner  Kind = 1 // other nodes
	Int    Kind = 2 // an int32
	String Kind = 3 // a string
	Quad   Kind = 4 // an int64
	Struct Kind = 5 // []byte, laid out as the system's ABI says
	Bool   Kind = 6 // a bool
)

// A Value is an int32, a string, an int64, a []byte or a bool.
type Value any

// Flags of a node.
type Flags uint8

// The flags.
const (
	Permanent Flags = 1 << iota // cannot be removed
	Immediate                   // whoever looks at the node is told the value with it
	Hex                         // is best printed so
	Unsigned
	Hidden
	Private
	AnyWrite // everybody may set it
	Writable // may be set, or have nodes added; set by Add if there is a Write
)

// A Node is one setting, or a group of them.
type Node struct {
	Name  string // one component, at most 31 bytes
	Num   int32  // 0: the next free one from 1024 on
	Kind  Kind   // 0: by Read's value; Inner without Read
	Flags Flags
	Size  int    // of a string that can be set, its NUL included; otherwise found out
	Desc  string // for people

	Read  func(Call) (Value, error) // nil for Inner
	Write func(Call, Value) error   // nil if it cannot be set

	ver      uint32
	children []*Node // by number
	num      bool    // Num 0 is meant
}

// A Call says who asks.
type Call struct {
	Caller any // whoever it is
	Want   int // bytes that there is room for, for what has no size of its own
}

// Zero makes 0 the number of a node.
func (n Node) Zero() Node {
	n.num = true
	return n
}

// firstDynamic is the first number for nodes without one (CREATE_BASE).
const firstDynamic = 1024

// A Tree is all settings of a kernel. All methods may be called concurrently.
type Tree struct {
	mu   sync.RWMutex
	root Node
	ver  uint32
}

// New makes an empty tree.
func New() *Tree { return &Tree{root: Node{Kind: Inner}} }

// Const is a Read of a value that never changes.
func Const(v Value) func(Call) (Value, error) { return func(Call) (Value, error) { return v, nil } }

// Add puts a node below the path of another, "kern.mbuf", or at the top if that is empty. The path must exist; EEXIST for a
// name or number that does.
func (t *Tree) Add(path string, n Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	up := []*Node{&t.root}
	for name := range strings.SplitSeq(path, ".") {
		if path == "" {
			break
		}
		child := up[len(up)-1].named(name)
		if child == nil || child.Kind != Inner {
			return fmt.Errorf("sysctl: %s.%s: no %s: %w", path, n.Name, name, syscall.ENOENT)
		}
		up = append(up, child)
	}
	parent := up[len(up)-1]
	if n.Num == 0 && !n.num {
		n.Num = parent.free()
	}
	if parent.named(n.Name) != nil || parent.numbered(n.Num) != nil {
		return fmt.Errorf("sysctl: %s.%s: %w", path, n.Name, syscall.EEXIST)
	}
	n.settle()
	t.ver++
	n.ver = t.ver
	for _, u := range up {
		u.ver = t.ver
	}
	i, _ := slices.BinarySearchFunc(parent.children, n.Num, func(c *Node, num int32) int { return int(int64(c.Num) - int64(num)) })
	parent.children = slices.Insert(parent.children, i, &n)
	return nil
}

// settle fills in what can be found out.
func (n *Node) settle() {
	if n.Read == nil {
		n.Kind = Inner
		return
	}
	if n.Write != nil {
		n.Flags |= Writable
	}
	if n.Kind != 0 {
		return
	}
	v, _ := n.Read(Call{})
	switch v.(type) {
	case int32:
		n.Kind = Int
	case string:
		n.Kind = String
	case int64:
		n.Kind = Quad
	case bool:
		n.Kind = Bool
	default:
		n.Kind = Struct
	}
}

func (n *Node) named(name string) *Node {
	for _, c := range n.children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (n *Node) numbered(num int32) *Node {
	i, ok := slices.BinarySearchFunc(n.children, num, func(c *Node, num int32) int { return int(int64(c.Num) - int64(num)) })
	if !ok {
		return nil
	}
	return n.children[i]
}

// free is a number for a child without one.
func (n *Node) free() int32 {
	num := int32(firstDynamic)
	for n.numbered(num) != nil {
		num++
	}
	return num
}

// Remove takes a node away, with all below it. ENOENT.
func (t *Tree) Remove(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &t.root
	for {
		name, rest, more := strings.Cut(path, ".")
		child := n.named(name)
		if child == nil {
			return syscall.ENOENT
		}
		t.ver++
		n.ver = t.ver
		if !more {
			n.children = slices.DeleteFunc(n.children, func(c *Node) bool { return c == child })
			return nil
		}
		n, path = child, rest
	}
}

// find walks along numbers. ENOENT; ENOTDIR below a leaf.
func (t *Tree) find(name []int32) (*Node, error) {
	n := &t.root
	for _, num := range name {
		if n.Kind != Inner {
			return nil, syscall.ENOTDIR
		}
		if n = n.numbered(num); n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// leaf returns what a name of numbers stands for; EISDIR for a group.
func (t *Tree) leaf(name []int32) (*Node, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find(name)
	if err == nil && n.Kind == Inner {
		err = syscall.EISDIR
	}
	return n, err
}

// Get reads a value and tells its kind.
func (t *Tree) Get(name []int32, c Call) (Kind, Value, error) {
	n, err := t.leaf(name)
	if err != nil {
		return 0, nil, err
	}
	v, err := n.Read(c)
	return n.Kind, v, err
}

// MaySet asks whether a value can be set, by the superuser or by anybody: EPERM. It returns the kind, and the room of a string.
func (t *Tree) MaySet(name []int32, superuser bool) (k Kind, size int, err error) {
	n, err := t.leaf(name)
	switch {
	case err != nil:
		return 0, 0, err
	case n.Write == nil, !superuser && n.Flags&AnyWrite == 0:
		return 0, 0, syscall.EPERM
	}
	return n.Kind, n.Size, nil
}

// Set sets a value, which is of the node's kind: EINVAL otherwise. EPERM for one that cannot be set.
func (t *Tree) Set(name []int32, c Call, v Value) error {
	n, err := t.leaf(name)
	if err != nil {
		return err
	}
	if n.Write == nil {
		return syscall.EPERM
	}
	ok := false
	switch n.Kind {
	case Int:
		_, ok = v.(int32)
	case String:
		_, ok = v.(string)
	case Quad:
		_, ok = v.(int64)
	case Struct:
		_, ok = v.([]byte)
	case Bool:
		_, ok = v.(bool)
	}
	if !ok {
		return syscall.EINVAL
	}
	return n.Write(c, v)
}

// An Info describes a node.
type Info struct {
	Node            // its functions are not to be called
	Version  uint32 // another one each time the node, or one below, came or went
	Children int
	Value    Value // of an Immediate one
}

// List describes the nodes below a name, in the order of their numbers. ENOENT; ENOTDIR below a leaf.
func (t *Tree) List(name []int32, c Call) ([]Info, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find(name)
	if err != nil {
		return nil, err
	}
	if n.Kind != Inner {
		return nil, syscall.ENOTDIR
	}
	infos := make([]Info, len(n.children))
	for i, child := range n.children {
		infos[i] = child.info(c)
	}
	return infos, nil
}

func (n *Node) info(c Call) Info {
	info := Info{Node: *n, Version: n.ver, Children: len(n.children)}
	info.Node.children = nil
	if n.Kind == Inner {
		return info
	}
	v, err := n.Read(c)
	if err != nil {
		return info
	}
	if n.Flags&Immediate != 0 {
		info.Value = v
	}
	if info.Size == 0 {
		info.Size = sizeOf(v)
	}
	return info
}

// sizeOf is the bytes of a value.
func sizeOf(v Value) int {
	switch v := v.(type) {
	case int32:
		return 4
	case int64:
		return 8
	case bool:
		return 1
	case string:
		return len(v) + 1
	case []byte:
		return len(v)
	}
	return 0
}
