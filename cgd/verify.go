package cgd

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"rump/rumpfs/blockdev"
)

// Ways to find out that a key is right, by a look at the plain disk or, re-enter, by asking twice.
const (
	verifyNone      = "none"
	verifyDisklabel = "disklabel"
	verifyFFS       = "ffs"
	verifyReenter   = "re-enter"
	verifyMBR       = "mbr"
	verifyGPT       = "gpt"
)

var verifyMethods = []string{verifyNone, verifyDisklabel, verifyFFS, verifyReenter, verifyMBR, verifyGPT}

// VerifyMethods are the known ways to find out that a key is right.
func VerifyMethods() []string { return slices.Clone(verifyMethods) }

func list(words []string) string { return strings.Join(words, ", ") }

// A VerifyError says that the plain disk does not hold what it should: the key is wrong, or nothing was written yet.
type VerifyError struct {
	Method string
	Why    string
}

func (e *VerifyError) Error() string {
	if e.Method == verifyReenter {
		return e.Why
	}
	return fmt.Sprintf("verify method %s: %s: wrong passphrase, or nothing is there yet", e.Method, e.Why)
}

// mayRetry reports that a mistyped passphrase is likely enough to ask again, as cgdconfig(8) judges it.
func (e *VerifyError) mayRetry() bool { return e.Method != verifyMBR && e.Method != verifyGPT }

// Verify looks whether a plain disk holds what a verify method says: a VerifyError if it does not. The methods none
// and re-enter do not look.
func Verify(d blockdev.Device, method string) error {
	look := map[string]func(blockdev.Device) (string, error){
		verifyDisklabel: lookDisklabel, verifyFFS: lookFFS, verifyMBR: lookMBR, verifyGPT: lookGPT,
	}[method]
	if look == nil {
		if !slices.Contains(verifyMethods, method) {
			return unknown("verify method", method, verifyMethods)
		}
		return nil
	}
	why, err := look(d)
	if err == nil && why != "" {
		err = &VerifyError{method, why}
	}
	return err
}

// readSome reads whole sectors that hold n bytes from off, all multiples of 512, and returns these. What lies beyond
// the end of the disk is missing.
func readSome(d blockdev.Device, off, n int64) ([]byte, error) {
	sector := int64(d.SectorSize())
	lo, hi := off&^(sector-1), min((off+n+sector-1)&^(sector-1), d.Size())
	if hi <= off {
		return nil, nil
	}
	p := make([]byte, hi-lo)
	if _, err := d.ReadAt(p, lo); err != nil {
		return nil, err
	}
	return p[off-lo : min(off-lo+n, hi-lo)], nil
}

// Fields of a disk label (disklabel(5)).
const (
	labelMagic      = 0x82564557
	labelOffMagic2  = 132 // d_magic2
	labelOffParts   = 138 // d_npartitions
	labelHeader     = 148 // where d_partitions begin
	labelPart       = 16  // bytes of one
	labelMaxParts   = 22
	labelSearchArea = 8192 // bytes from the start of the disk
)

func lookDisklabel(d blockdev.Device) (string, error) {
	p, err := readSome(d, 0, labelSearchArea)
	if err != nil {
		return "", err
	}
	for at := 0; at+labelHeader <= len(p); at += 4 {
		if isLabel(p[at:], binary.LittleEndian) || isLabel(p[at:], binary.BigEndian) {
			return "", nil
		}
	}
	return fmt.Sprintf("no disk label in the first %d bytes", labelSearchArea), nil
}

// isLabel checks both magic numbers, the count of partitions and the sum, which is the XOR of all half-words.
func isLabel(p []byte, order binary.ByteOrder) bool {
	if order.Uint32(p) != labelMagic || order.Uint32(p[labelOffMagic2:]) != labelMagic {
		return false
	}
	parts := int(order.Uint16(p[labelOffParts:]))
	size := labelHeader + parts*labelPart
	if parts > labelMaxParts || size > len(p) {
		return false
	}
	sum := uint16(0)
	for at := 0; at < size; at += 2 {
		sum ^= order.Uint16(p[at:])
	}
	return sum == 0
}

// Where superblocks may be, the place of the magic number in them, and its values.
var (
	ffsPlaces = []int64{65536, 8192, 0, 262144}
	ffsMagics = []uint32{0x011954, 0x19540119}
)

const (
	ffsSuperSize = 8192
	ffsOffMagic  = 1372
)

func lookFFS(d blockdev.Device) (string, error) {
	for _, place := range ffsPlaces {
		p, err := readSome(d, place, ffsSuperSize)
		if err != nil {
			return "", err
		}
		if len(p) < ffsOffMagic+4 {
			continue // the disk ends before it
		}
		p = p[ffsOffMagic:]
		if slices.Contains(ffsMagics, binary.LittleEndian.Uint32(p)) || slices.Contains(ffsMagics, binary.BigEndian.Uint32(p)) {
			return "", nil
		}
	}
	return "no superblock at 65536, 8192, 0 or 262144", nil
}

func lookMBR(d blockdev.Device) (string, error) {
	p, err := readSome(d, 0, 512)
	if err != nil || len(p) < 512 {
		return "no first sector", err
	}
	if p[510] != 0x55 || p[511] != 0xaa {
		return "no signature 55 aa at the end of the first sector", nil
	}
	return "", nil
}

func lookGPT(d blockdev.Device) (string, error) {
	const header = 92 // bytes
	for _, block := range []int64{512, 1024, 2048, 4096} {
		p, err := readSome(d, block, 512)
		if err != nil {
			return "", err
		}
		if len(p) < header || string(p[:8]) != "EFI PART" || binary.LittleEndian.Uint32(p[8:]) != 0x10000 || binary.LittleEndian.Uint32(p[12:]) != header {
			continue
		}
		want := binary.LittleEndian.Uint32(p[16:])
		clear(p[16:20])
		if got := crc32.ChecksumIEEE(p[:header]); got != want {
			return fmt.Sprintf("GPT header with checksum %08x instead of %08x", want, got), nil
		}
		return "", nil
	}
	return "no GPT header", nil
}
