package client

import (
	"bytes"
	"encoding/binary"
	"errors"

	"rump/netbsd"
)

var le = binary.LittleEndian

// An Arg is one argument of a system call: a number, or memory that the server may use while the call is under way.
type Arg struct {
	n      uint64
	memory *piece // nil for a number
}

// A piece is memory that a call offers.
type piece struct {
	b        []byte
	writable bool
	inner    []Inner
	addr     uint64 // once the call has numbered it
}

// An Inner is a pointer inside of memory.
type Inner struct {
	Off int // where in the memory the pointer stands
	To  Arg
}

// Int is a number of 32 bits: an int, a mode, an id.
func Int[T ~int | ~int32 | ~uint32](n T) Arg { return Arg{n: uint64(uint32(n))} }

// Long is a number of 64 bits: an offset, a size, a device.
func Long[T ~int | ~int64 | ~uint64](n T) Arg { return Arg{n: uint64(n)} }

// Null is a pointer to nothing.
func Null() Arg { return Arg{} }

// Str is a string, which the server may read.
func Str(s string) Arg { return In(append([]byte(s), 0)) }

// In is memory that the server may read. With pointers in it, b itself is changed.
func In(b []byte, inner ...Inner) Arg {
	return Arg{memory: &piece{b: b, inner: inner}}
}

// Out is memory that the server may write, and read.
func Out(b []byte, inner ...Inner) Arg {
	return Arg{memory: &piece{b: b, inner: inner, writable: true}}
}

// Encoded is the memory of a structure of n bytes.
func Encoded(v interface{ Encode([]byte) }, n int) Arg {
	b := make([]byte, n)
	v.Encode(b)
	return In(b)
}

// An offer is all memory of one call. Its addresses are those of nothing in this process: the upper half is the call's number,
// counted from 1, the lower half counts the bytes of its pieces.
type offer struct {
	base   uint64
	next   uint64
	pieces []*piece
}

const (
	offerShift = 36      // addresses of one call
	callsMost  = 1 << 24 // then numbers are used again
	pieceAlign = 16
)

// place numbers the memory of an argument and returns what stands for the argument in the block.
func (o *offer) place(a Arg) uint64 {
	p := a.memory
	if p == nil {
		return a.n
	}
	for _, in := range p.inner {
		le.PutUint64(p.b[in.Off:], o.place(in.To))
	}
	p.addr = o.base + o.next
	o.next += (uint64(len(p.b)) + pieceAlign) &^ (pieceAlign - 1) // at least a byte between two pieces
	o.pieces = append(o.pieces, p)
	return p.addr
}

// errMemory is what a server that asks for other memory is left for.
var errMemory = errors.New("rump_sp: the server asked for memory that was not offered")

// find returns the memory from addr to the end of its piece.
func (o *offer) find(addr uint64) (*piece, []byte) {
	for _, p := range o.pieces {
		if addr >= p.addr && addr-p.addr <= uint64(len(p.b)) {
			return p, p.b[addr-p.addr:]
		}
	}
	return nil, nil
}

// read returns n bytes at addr, for a string at most that many, up to its NUL.
func (o *offer) read(addr, n uint64, str bool) ([]byte, error) {
	p, b := o.find(addr)
	if p == nil {
		return nil, errMemory
	}
	if str {
		b = b[:min(uint64(len(b)), n)]
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i+1]
		}
		return b, nil
	}
	if n > uint64(len(b)) {
		return nil, errMemory
	}
	return b[:n], nil
}

// write returns the n bytes at addr, to be written.
func (o *offer) write(addr, n uint64) ([]byte, error) {
	p, b := o.find(addr)
	if p == nil || !p.writable || n > uint64(len(b)) {
		return nil, errMemory
	}
	return b[:n], nil
}

// block lays out the arguments of a call: each in eight bytes, and gaps where the call has them.
func (o *offer) block(number int, args []Arg) []byte {
	c, ok := netbsd.CallOf(number)
	b := make([]byte, 0, 64)
	for _, a := range args {
		b = le.AppendUint64(b, o.place(a))
	}
	for ok && len(b) < c.Args {
		b = le.AppendUint64(b, 0)
	}
	return b
}
