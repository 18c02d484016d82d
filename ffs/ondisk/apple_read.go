package ondisk

import "io"

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
