package ondisk

import (
	"bytes"
	"io"

	"rump/internal/endian"
)

// Where an Apple UFS volume has its label.
const (
	AppleLabelOffset = 7168
	AppleLabelSize   = 1024
)

// Offsets in an Apple UFS label (struct appleufslabel), which is always big-endian.
const (
	offAppleMagic    = 0   // ul_magic
	offAppleChecksum = 4   // ul_checksum
	offAppleVersion  = 8   // ul_version
	offAppleTime     = 12  // ul_time
	offAppleNameLen  = 16  // ul_namelen
	offAppleName     = 18  // ul_name
	offAppleUUID     = 532 // ul_uuid
	appleNameMax     = 512
	appleMagic       = 0x4c41424c
)

// AppleLabel marks a volume as Apple UFS and names it.
type AppleLabel struct {
	Time uint32 // seconds
	Name string // 1 to 512 bytes without ':' and '/'
	UUID uint64
}

// ReadAppleLabel looks for an Apple UFS label on a volume of size bytes; ok is false if there is none, or it cannot be read.
func ReadAppleLabel(r io.ReaderAt, size int64) (l AppleLabel, ok bool) {
	if size < AppleLabelOffset+AppleLabelSize {
		return l, false
	}
	b := make([]byte, AppleLabelSize)
	if n, _ := r.ReadAt(b, AppleLabelOffset); n < len(b) {
		return l, false
	}
	return DecodeAppleLabel(b)
}

// DecodeAppleLabel decodes the AppleLabelSize bytes at AppleLabelOffset; ok is false if they are no label.
func DecodeAppleLabel(b []byte) (l AppleLabel, ok bool) {
	if len(b) < AppleLabelSize {
		return l, false
	}
	b = b[:AppleLabelSize]
	o := endian.Big
	n := int(o.Uint16(b[offAppleNameLen:]))
	if o.Uint32(b[offAppleMagic:]) != appleMagic || n < 1 || n > appleNameMax || internetSum(b) != 0xffff {
		return l, false
	}
	name := b[offAppleName : offAppleName+n]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return AppleLabel{o.Uint32(b[offAppleTime:]), string(name), o.Uint64(b[offAppleUUID:])}, true
}

// Encode writes the label into the first AppleLabelSize bytes of b.
func (l AppleLabel) Encode(b []byte) {
	b = b[:AppleLabelSize]
	clear(b)
	o := endian.Big
	o.PutUint32(b[offAppleMagic:], appleMagic)
	o.PutUint32(b[offAppleVersion:], 1)
	o.PutUint32(b[offAppleTime:], l.Time)
	n := copy(b[offAppleName:offAppleName+appleNameMax], l.Name)
	o.PutUint16(b[offAppleNameLen:], uint16(n))
	o.PutUint64(b[offAppleUUID:], l.UUID)
	o.PutUint16(b[offAppleChecksum:], ^internetSum(b))
}

// internetSum is the one's complement sum of b in 16-bit words (RFC 1071); all ones over bytes that contain a right checksum.
func internetSum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum&0xffff + sum>>16)
}
