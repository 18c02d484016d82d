package netbsd

// Events of poll(2).
const (
	POLLIN     = 0x1
	POLLPRI    = 0x2
	POLLOUT    = 0x4
	POLLERR    = 0x8
	POLLHUP    = 0x10
	POLLNVAL   = 0x20
	POLLRDNORM = 0x40
	POLLRDBAND = 0x80
	POLLWRBAND = 0x100
)

// PollfdSize is the size of a Pollfd, bytes.
const PollfdSize = 8

// A Pollfd is one descriptor to wait for (struct pollfd).
type Pollfd struct {
	FD              int32
	Events, Revents int16
}

// Decode reads it from PollfdSize bytes.
func (p *Pollfd) Decode(b []byte) {
	p.FD, p.Events, p.Revents = int32(le.Uint32(b)), int16(le.Uint16(b[4:])), int16(le.Uint16(b[6:]))
}

// Encode writes it to PollfdSize bytes.
func (p Pollfd) Encode(b []byte) {
	le.PutUint32(b, uint32(p.FD))
	le.PutUint16(b[4:], uint16(p.Events))
	le.PutUint16(b[6:], uint16(p.Revents))
}

// IovecSize is the size of an Iovec, bytes.
const IovecSize = 16

// An Iovec is a piece of memory (struct iovec).
type Iovec struct{ Base, Len uint64 }

// Decode reads it from IovecSize bytes.
func (v *Iovec) Decode(b []byte) { v.Base, v.Len = le.Uint64(b), le.Uint64(b[8:]) }

// Encode writes it to IovecSize bytes.
func (v Iovec) Encode(b []byte) {
	le.PutUint64(b, v.Base)
	le.PutUint64(b[8:], v.Len)
}

// IovMax is how many Iovecs one call takes.
const IovMax = 1024
