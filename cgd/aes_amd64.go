//go:build !purego

package cgd

import "encoding/binary"

// The assembly works on eight blocks at a time: an AES instruction can begin twice a cycle and ends four cycles later,
// so that eight are under way at once.
const (
	aesBlock  = 16
	aesLanes  = 8
	laneBytes = aesBlock * aesLanes
)

// schedule is an expanded AES key: four words a round, in the order of memory.
type schedule struct {
	enc, dec [60]uint32
	rounds   int
}

// Where the processor does four blocks by an instruction, sixteen are under way.
const (
	wideLanes = 16
	wideBytes = aesBlock * wideLanes
)

// cpuHasVAES reports that the processor has the instructions for four blocks.
func cpuHasVAES() bool

// cbcDecrypt16 is cbcDecrypt8 for groups of sixteen blocks.
//
//go:noescape
func cbcDecrypt16(key *uint32, rounds int, dst, src *byte, groups int, iv *byte)

// xtsEncrypt16 is xtsEncrypt8 for groups of sixteen blocks.
//
//go:noescape
func xtsEncrypt16(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)

// xtsDecrypt16 is xtsDecrypt8 for groups of sixteen blocks.
//
//go:noescape
func xtsDecrypt16(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)

// cpuHasAES reports that the processor has the instructions that the assembly uses.
func cpuHasAES() bool

// subWord is the S-box on each of four bytes.
func subWord(w uint32) uint32

// invMixColumns makes one round's encryption key that of decryption.
//
//go:noescape
func invMixColumns(dst, src *uint32)

// aesEncrypt8 encrypts eight blocks in place, each by itself.
//
//go:noescape
func aesEncrypt8(key *uint32, rounds int, p *[laneBytes]byte)

// cbcDecrypt8 decrypts groups of eight blocks that follow each other, in CBC mode. dst is src or apart from it.
//
//go:noescape
func cbcDecrypt8(key *uint32, rounds int, dst, src *byte, groups int, iv *byte)

// cbcEncrypt8 encrypts eight messages of so many blocks side by side in CBC mode; message i begins at byte at[i] of src
// and dst and has block i of ivs as its vector. Two messages with the same place and vector are one done twice.
//
//go:noescape
func cbcEncrypt8(key *uint32, rounds int, dst, src *byte, blocks int, at *[aesLanes]int, ivs *[laneBytes]byte)

// xtsEncrypt8 encrypts groups of eight blocks in XTS mode from the first, whose tweak is given encrypted.
//
//go:noescape
func xtsEncrypt8(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)

// xtsDecrypt8 decrypts what xtsEncrypt8 encrypted; its key is that of decryption.
//
//go:noescape
func xtsDecrypt8(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)

var hasAES, hasVAES = cpuHasAES(), cpuHasVAES()

// expand expands a key of 16, 24 or 32 bytes as FIPS 197, section 5.2.
func (s *schedule) expand(key []byte) {
	nk := len(key) / 4
	s.rounds = nk + 6
	for i := range nk {
		s.enc[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	rcon := uint32(1)
	for i := nk; i < 4*(s.rounds+1); i++ {
		w := s.enc[i-1]
		switch {
		case i%nk == 0:
			w = subWord(w>>8|w<<24) ^ rcon
			rcon = rcon<<1 ^ rcon>>7*0x11b
		case nk > 6 && i%nk == 4:
			w = subWord(w)
		}
		s.enc[i] = s.enc[i-nk] ^ w
	}
	last := 4 * s.rounds
	copy(s.dec[:4], s.enc[last:last+4])
	copy(s.dec[last:last+4], s.enc[:4])
	for i := 4; i < last; i += 4 {
		invMixColumns(&s.dec[i], &s.enc[last-i])
	}
}

// numberBlocks makes the vectors of eight sectors: their numbers, encrypted so many times.
func (s *schedule) numberBlocks(p *[laneBytes]byte, n uint64, times int) {
	clear(p[:])
	for i := range uint64(aesLanes) {
		binary.LittleEndian.PutUint64(p[i*aesBlock:], n+i)
	}
	for range times {
		aesEncrypt8(&s.enc[0], s.rounds, p)
	}
}

// fastAESCBC is AES in CBC mode over the processor's AES instructions. Encryption has to wait for the block before, but
// not for the sector before: eight sectors go side by side.
type fastAESCBC struct {
	key      schedule
	sector   int
	ivRounds int
	wide     bool // by four blocks
}

// fastCBC is nil if the processor cannot, or sectors are not whole groups of eight blocks.
func fastCBC(c Cipher, key []byte, sector int) transform {
	if !hasAES || sector%laneBytes != 0 {
		return nil
	}
	f := &fastAESCBC{sector: sector, ivRounds: c.ivRounds(), wide: hasVAES && sector%wideBytes == 0}
	f.key.expand(key)
	return f
}

func (f *fastAESCBC) encrypt(dst, src []byte, n uint64) {
	var ivs [laneBytes]byte
	var at [aesLanes]int
	for group := 0; group < len(src); group += aesLanes * f.sector {
		f.key.numberBlocks(&ivs, n, f.ivRounds)
		count := min(aesLanes, (len(src)-group)/f.sector)
		for i := range aesLanes {
			at[i] = i * f.sector
			if i >= count { // no such sector: the first one again, which takes no longer than fewer lanes
				at[i] = 0
				copy(ivs[i*aesBlock:], ivs[:aesBlock])
			}
		}
		d, s := dst[group:group+count*f.sector], src[group:group+count*f.sector]
		cbcEncrypt8(&f.key.enc[0], f.key.rounds, &d[0], &s[0], f.sector/aesBlock, &at, &ivs)
		n += aesLanes
	}
}

func (f *fastAESCBC) decrypt(dst, src []byte, n uint64) {
	var ivs [laneBytes]byte
	for i, at := 0, 0; at < len(src); i, at = i+1, at+f.sector {
		lane := i % aesLanes
		if lane == 0 {
			f.key.numberBlocks(&ivs, n+uint64(i), f.ivRounds)
		}
		d, s := dst[at:at+f.sector], src[at:at+f.sector]
		if f.wide {
			cbcDecrypt16(&f.key.dec[0], f.key.rounds, &d[0], &s[0], f.sector/wideBytes, &ivs[lane*aesBlock])
			continue
		}
		cbcDecrypt8(&f.key.dec[0], f.key.rounds, &d[0], &s[0], f.sector/laneBytes, &ivs[lane*aesBlock])
	}
}

func (f *fastAESCBC) wipe() { f.key = schedule{} }

// fastAESXTS is AES in XTS mode over the processor's AES instructions.
type fastAESXTS struct {
	data, tweak schedule
	sector      int
	wide        bool // by four blocks
}

// fastXTS is nil if the processor cannot, or sectors are not whole groups of eight blocks.
func fastXTS(key []byte, sector int) transform {
	if !hasAES || sector%laneBytes != 0 {
		return nil
	}
	f := &fastAESXTS{sector: sector, wide: hasVAES && sector%wideBytes == 0}
	f.data.expand(key[:len(key)/2])
	f.tweak.expand(key[len(key)/2:])
	return f
}

func (f *fastAESXTS) encrypt(dst, src []byte, n uint64) {
	var tweaks [laneBytes]byte
	for i, at := 0, 0; at < len(src); i, at = i+1, at+f.sector {
		lane := i % aesLanes
		if lane == 0 {
			f.tweak.numberBlocks(&tweaks, n+uint64(i), 1)
		}
		d, s := dst[at:at+f.sector], src[at:at+f.sector]
		if f.wide {
			xtsEncrypt16(&f.data.enc[0], f.data.rounds, &d[0], &s[0], f.sector/wideBytes, &tweaks[lane*aesBlock])
			continue
		}
		xtsEncrypt8(&f.data.enc[0], f.data.rounds, &d[0], &s[0], f.sector/laneBytes, &tweaks[lane*aesBlock])
	}
}

func (f *fastAESXTS) decrypt(dst, src []byte, n uint64) {
	var tweaks [laneBytes]byte
	for i, at := 0, 0; at < len(src); i, at = i+1, at+f.sector {
		lane := i % aesLanes
		if lane == 0 {
			f.tweak.numberBlocks(&tweaks, n+uint64(i), 1)
		}
		d, s := dst[at:at+f.sector], src[at:at+f.sector]
		if f.wide {
			xtsDecrypt16(&f.data.dec[0], f.data.rounds, &d[0], &s[0], f.sector/wideBytes, &tweaks[lane*aesBlock])
			continue
		}
		xtsDecrypt8(&f.data.dec[0], f.data.rounds, &d[0], &s[0], f.sector/laneBytes, &tweaks[lane*aesBlock])
	}
}

func (f *fastAESXTS) wipe() { f.data, f.tweak = schedule{}, schedule{} }
