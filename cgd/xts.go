package cgd

import (
	"crypto/aes"
	"crypto/cipher"

	"golang.org/x/crypto/xts"
)

// xtsAES is AES in XTS mode (IEEE 1619) with the sector number as the data unit's, portable.
type xtsAES struct {
	mode   *xts.Cipher
	blocks []cipher.Block // the two keys, to wipe them
	sector int
}

func newAESXTS(_ Cipher, key []byte, sector int) (transform, error) {
	if t := fastXTS(key, sector); t != nil {
		return t, nil
	}
	return portableAESXTS(key, sector)
}

func portableAESXTS(key []byte, sector int) (transform, error) {
	x := &xtsAES{sector: sector}
	mode, err := xts.NewCipher(func(key []byte) (cipher.Block, error) {
		b, err := aes.NewCipher(key)
		x.blocks = append(x.blocks, b)
		return b, err
	}, key)
	x.mode = mode
	return x, err
}

func (x *xtsAES) encrypt(dst, src []byte, n uint64) {
	for at := 0; at < len(src); at += x.sector {
		x.mode.Encrypt(dst[at:at+x.sector], src[at:at+x.sector], n)
		n++
	}
}

func (x *xtsAES) decrypt(dst, src []byte, n uint64) {
	for at := 0; at < len(src); at += x.sector {
		x.mode.Decrypt(dst[at:at+x.sector], src[at:at+x.sector], n)
		n++
	}
}

func (x *xtsAES) wipe() {
	for _, b := range x.blocks {
		wipeBlock(b)
	}
}
