package sysproxy

import (
	"encoding/binary"
	"fmt"

	"rump/netbsd"
)

var le = binary.LittleEndian

// HeaderSize is the size of a Header on the wire, bytes.
const HeaderSize = 24

// Class says whether a frame asks or answers.
type Class uint16

// The classes.
const (
	Request Class = iota
	Response
	Error
)

// Type says what a frame is about.
type Type uint16

// The types. The answer to CopyinStr has type Copyin.
const (
	Handshake Type = iota
	Syscall
	Copyin
	CopyinStr
	Copyout
	CopyoutStr
	AnonMmap
	Prefork
	Raise
)

// The kinds of handshake, in Arg.
const (
	HandshakeGuest = iota
	HandshakeAuth
	HandshakeFork
	HandshakeExec
)

// ErrorCode is why a request was refused, in Arg of a frame of class Error.
type ErrorCode uint32

// The codes.
const (
	ErrNone ErrorCode = iota
	ErrTryAgain
	ErrAuth
	ErrInvalidPrefork
	ErrForkFailed
	ErrInExec
	ErrNoMem
	ErrMalformed
)

// Errno is what the client's program is told.
func (c ErrorCode) Errno() netbsd.Errno {
	switch c {
	case ErrTryAgain:
		return netbsd.EAGAIN
	case ErrAuth:
		return netbsd.EPERM
	case ErrInvalidPrefork:
		return netbsd.ESRCH
	case ErrForkFailed:
		return netbsd.EIO
	case ErrInExec:
		return netbsd.EBUSY
	case ErrNoMem:
		return netbsd.ENOMEM
	}
	return netbsd.EINVAL
}

// A Header starts every frame.
type Header struct {
	Len   uint64 // of the frame, the header included
	Reqno uint64
	Class Class
	Type  Type
	Arg   uint32 // number of a system call, kind of handshake, error code, or signal
}

// Decode reads it from HeaderSize bytes.
func (h *Header) Decode(b []byte) {
	_ = b[HeaderSize-1]
	h.Len, h.Reqno = le.Uint64(b), le.Uint64(b[8:])
	h.Class, h.Type, h.Arg = Class(le.Uint16(b[16:])), Type(le.Uint16(b[18:])), le.Uint32(b[20:])
}

// Append adds the header of a frame with a body of so many bytes to b. Len is set from that.
func (h Header) Append(b []byte, body int) []byte {
	b = le.AppendUint64(b, uint64(HeaderSize+body))
	b = le.AppendUint64(b, h.Reqno)
	b = le.AppendUint16(b, uint16(h.Class))
	b = le.AppendUint16(b, uint16(h.Type))
	return le.AppendUint32(b, h.Arg)
}

// Body is the length of the body; ok is false for a frame that is shorter than a header, or longer than limit.
func (h *Header) Body(limit int) (n int, ok bool) {
	if h.Len < HeaderSize || h.Len > uint64(limit) {
		return 0, false
	}
	return int(h.Len - HeaderSize), true
}

// CopySize is the size of a Copy on the wire, bytes.
const CopySize = 16

// A Copy is a piece of the client's memory: the body of a copyin, and what stands before the bytes of a copyout.
type Copy struct{ Len, Addr uint64 }

// Decode reads it from CopySize bytes.
func (c *Copy) Decode(b []byte) { c.Len, c.Addr = le.Uint64(b), le.Uint64(b[8:]) }

// Append adds it to b.
func (c Copy) Append(b []byte) []byte {
	return le.AppendUint64(le.AppendUint64(b, c.Len), c.Addr)
}

// ResultSize is the size of a Result on the wire, bytes.
const ResultSize = 24

// A Result is the outcome of a system call.
type Result struct {
	Errno netbsd.Errno // 0: none
	Ret   [2]int64
}

// Decode reads it from ResultSize bytes.
func (r *Result) Decode(b []byte) {
	r.Errno = netbsd.Errno(int32(le.Uint32(b)))
	r.Ret = [2]int64{int64(le.Uint64(b[8:])), int64(le.Uint64(b[16:]))}
}

// Append adds it to b.
func (r Result) Append(b []byte) []byte {
	b = le.AppendUint64(b, uint64(uint32(r.Errno)))
	b = le.AppendUint64(b, uint64(r.Ret[0]))
	return le.AppendUint64(b, uint64(r.Ret[1]))
}

// CookieSize is the size of what a forked process shows at its handshake, bytes; ForkSize that of the whole handshake.
const (
	CookieSize = 16
	ForkSize   = CookieSize + 4
)

// Limits of frames, bytes. The server's is for what a client sends: the largest is an answer to a copyin. A client takes more,
// since the memory is its own.
const (
	MaxCopy        = 1 << 20 // of memory that the server moves in one frame
	ServerMaxFrame = HeaderSize + MaxCopy
	ClientMaxFrame = 64 << 20
)

// BannerMax is the longest that the banner may be, its newline included.
const BannerMax = 96

// Banner is the line that a server says first.
func Banner() string {
	return fmt.Sprintf("RUMPSP-0.4-NetBSD-%s/%s\n", netbsd.Release, netbsd.Machine)
}
