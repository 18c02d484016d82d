package ondisk

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkHash is FreeBSD's check hash of b: CRC-32C without the final inversion, with the four bytes of the hash itself,
// at off, taken as zero.
func checkHash(b []byte, off int) uint32 {
	var zero [4]byte
	crc := crc32.Update(0, castagnoli, b[:off])
	crc = crc32.Update(crc, castagnoli, zero[:])
	return ^crc32.Update(crc, castagnoli, b[off+4:])
}
