package endian_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"rump/internal/endian"
)

func TestOrderAgreesWithStandardLibrary(t *testing.T) {
	for _, c := range []struct {
		o    endian.Order
		want binary.ByteOrder
	}{{endian.Little, binary.LittleEndian}, {endian.Big, binary.BigEndian}} {
		const v = 0x0123456789abcdef
		var got, want [14]byte
		c.o.PutUint16(got[0:], v&0xffff)
		c.o.PutUint32(got[2:], v&0xffffffff)
		c.o.PutUint64(got[6:], v)
		c.want.PutUint16(want[0:], v&0xffff)
		c.want.PutUint32(want[2:], v&0xffffffff)
		c.want.PutUint64(want[6:], v)
		if !bytes.Equal(got[:], want[:]) {
			t.Errorf("%v: put %x, want %x", c.o, got, want)
		}
		if g := c.o.Uint16(got[0:]); g != v&0xffff {
			t.Errorf("%v: Uint16 = %#x", c.o, g)
		}
		if g := c.o.Uint32(got[2:]); g != v&0xffffffff {
			t.Errorf("%v: Uint32 = %#x", c.o, g)
		}
		if g := c.o.Uint64(got[6:]); g != v {
			t.Errorf("%v: Uint64 = %#x", c.o, g)
		}
		if c.o.Other() == c.o || c.o.Other().Other() != c.o {
			t.Errorf("%v: Other is not the opposite", c.o)
		}
	}
}
