package ondisk

import "testing"

func TestCheckHash(t *testing.T) {
	// The known value of the digits, without the final inversion: the hash field, here in front, counts as zero bytes,
	// which leave the initial value of a CRC changed, so the digits are hashed around an empty field by hand.
	digits := []byte("123456789")
	if got := ^checkSum(digits); got != 0x1cf96d7c {
		t.Errorf("got %#x, want 0x1cf96d7c", got)
	}
	a, b := []byte("abcd\x00\x00\x00\x00wxyz"), []byte("abcdHASHwxyz")
	if checkHash(a, 4) != checkHash(b, 4) || checkHash(a, 4) != ^checkSum(a) {
		t.Error("the field itself counts")
	}
	if checkHash(a, 4) == checkHash(a, 0) {
		t.Error("the place of the field does not count")
	}
}

// checkSum is the usual CRC-32C, bit by bit.
func checkSum(b []byte) uint32 {
	crc := ^uint32(0)
	for _, x := range b {
		crc ^= uint32(x)
		for range 8 {
			crc = crc>>1 ^ 0x82f63b78&-(crc&1)
		}
	}
	return ^crc
}
