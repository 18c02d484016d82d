package cgd

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Bits are so many bits as parameters files hold them: in base64, after their count in four bytes, big-endian. The last
// byte is filled up with bits that do not count.
type Bits struct {
	N    int // count
	Data []byte
}

// bitsOf are whole bytes as Bits. It keeps p.
func bitsOf(p []byte) *Bits { return &Bits{len(p) * 8, p} }

// String is the text of a parameters file.
func (b *Bits) String() string {
	p := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b.Data)), uint32(b.N))
	p = append(p, b.Data...)
	defer clear(p)
	return base64.StdEncoding.EncodeToString(p)
}

// parseBits reads what String writes. Bytes beyond the count are left out, as cgdconfig(8) does.
func parseBits(text []byte) (*Bits, error) {
	p := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(p, text)
	if err != nil {
		clear(p)
		return nil, errors.New("mangled base64 stream")
	}
	if p = p[:n]; n < 4 {
		return nil, fmt.Errorf("%d bytes, too few for a count of bits", n)
	}
	count, data := uint64(binary.BigEndian.Uint32(p)), p[4:]
	if count > uint64(len(data))*8 {
		clear(data)
		return nil, fmt.Errorf("encoded bits claim to be longer than they are (nbits=%d, stream len=%d bytes)", count, n)
	}
	used := (count + 7) / 8
	clear(data[used:])
	return &Bits{int(count), data[:used:used]}, nil
}

// clone copies the bits; nil stays nil.
func (b *Bits) clone() *Bits {
	if b == nil {
		return nil
	}
	return &Bits{b.N, append([]byte(nil), b.Data...)}
}

// wipe overwrites the bits.
func (b *Bits) wipe() {
	if b != nil {
		clear(b.Data)
	}
}
