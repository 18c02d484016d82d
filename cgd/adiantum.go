package cgd

import (
	"bytes"

	"lukechampine.com/adiantum"
	"lukechampine.com/adiantum/hbsh"
)

// adiantumCipher is Adiantum with XChaCha12 and AES-256 (Crowley and Biggers, 2018); the tweak is the sector's number
// as a block.
type adiantumCipher struct {
	key    []byte // the library refers to it
	sector int
	lanes  lanes[*adiantumLane]
}

type adiantumLane struct {
	mode  *hbsh.HBSH
	tweak [16]byte
}

func newAdiantum(_ Cipher, key []byte, sector int) (transform, error) {
	a := &adiantumCipher{key: bytes.Clone(key), sector: sector}
	a.lanes.make = func() *adiantumLane { return &adiantumLane{mode: adiantum.New(a.key)} }
	return a, nil
}

func (a *adiantumCipher) encrypt(dst, src []byte, n uint64) {
	lane := a.lanes.get()
	defer a.lanes.put(lane)
	for at := 0; at < len(src); at += a.sector {
		p := dst[at : at+a.sector]
		copy(p, src[at:])
		numberBlock(lane.tweak[:], n)
		lane.mode.Encrypt(p, lane.tweak[:])
		n++
	}
}

func (a *adiantumCipher) decrypt(dst, src []byte, n uint64) {
	lane := a.lanes.get()
	defer a.lanes.put(lane)
	for at := 0; at < len(src); at += a.sector {
		p := dst[at : at+a.sector]
		copy(p, src[at:])
		numberBlock(lane.tweak[:], n)
		lane.mode.Decrypt(p, lane.tweak[:])
		n++
	}
}

func (a *adiantumCipher) wipe() {
	clear(a.key)
	a.lanes.wipe(func(l *adiantumLane) { l.mode = nil })
}
