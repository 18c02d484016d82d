package cgd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"

	"golang.org/x/crypto/blowfish"
)

// cbc is a block cipher in CBC mode, portable.
type cbc struct {
	block    cipher.Block
	sector   int
	ivRounds int
	lanes    lanes[*cbcLane]
}

// cbcLane is the state of one goroutine.
type cbcLane struct {
	enc, dec chain
	iv       []byte
}

// A chain is a CBC mode that can start anew, which all those of the standard library can.
type chain interface {
	cipher.BlockMode
	SetIV([]byte)
}

func newCBC(block cipher.Block, ivRounds, sector int) *cbc {
	c := &cbc{block: block, sector: sector, ivRounds: ivRounds}
	c.lanes.make = func() *cbcLane {
		iv := make([]byte, block.BlockSize())
		return &cbcLane{cipher.NewCBCEncrypter(block, iv).(chain), cipher.NewCBCDecrypter(block, iv).(chain), iv}
	}
	return c
}

func newAESCBC(c Cipher, key []byte, sector int) (transform, error) {
	if t := fastCBC(c, key, sector); t != nil {
		return t, nil
	}
	return portableAESCBC(c, key, sector)
}

func portableAESCBC(c Cipher, key []byte, sector int) (transform, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return newCBC(block, c.ivRounds(), sector), nil
}

func newTripleDES(c Cipher, key []byte, sector int) (transform, error) {
	block, err := des.NewTripleDESCipher(key)
	if err != nil {
		return nil, err
	}
	return newCBC(block, c.ivRounds(), sector), nil
}

func newBlowfish(c Cipher, key []byte, sector int) (transform, error) {
	block, err := blowfish.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return newCBC(block, c.ivRounds(), sector), nil
}

func (c *cbc) encrypt(dst, src []byte, first uint64) {
	lane := c.lanes.get()
	defer c.lanes.put(lane)
	c.run(lane, lane.enc, dst, src, first)
}

func (c *cbc) decrypt(dst, src []byte, first uint64) {
	lane := c.lanes.get()
	defer c.lanes.put(lane)
	c.run(lane, lane.dec, dst, src, first)
}

func (c *cbc) run(lane *cbcLane, mode chain, dst, src []byte, n uint64) {
	for at := 0; at < len(src); at += c.sector {
		numberBlock(lane.iv, n)
		for range c.ivRounds {
			c.block.Encrypt(lane.iv, lane.iv)
		}
		mode.SetIV(lane.iv)
		mode.CryptBlocks(dst[at:at+c.sector], src[at:at+c.sector])
		n++
	}
}

func (c *cbc) wipe() {
	c.lanes.wipe(func(l *cbcLane) {
		wipeBlock(l.enc)
		wipeBlock(l.dec)
	})
	wipeBlock(c.block)
}

// numberBlock writes the cipher block that stands for a sector number: little-endian on every machine.
func numberBlock(p []byte, n uint64) {
	clear(p)
	binary.LittleEndian.PutUint64(p, n)
}
