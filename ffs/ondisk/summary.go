package ondisk

import "rump/internal/endian"

// SummarySize is the bytes of one Summary on disk.
const SummarySize = 16

// Summary counts what one cylinder group has (struct csum).
type Summary struct {
	Dirs       int32 // directories in use
	FreeBlocks int32 // whole free blocks
	FreeInodes int32
	FreeFrags  int32 // free fragments that are not in whole free blocks
}

// Totals is the sum of all summaries (struct csum_total).
type Totals struct {
	Dirs       int64
	FreeBlocks int64
	FreeInodes int64
	FreeFrags  int64
}

// DecodeSummary decodes the first SummarySize bytes of b.
func DecodeSummary(o endian.Order, b []byte) Summary {
	return Summary{int32(o.Uint32(b)), int32(o.Uint32(b[4:])), int32(o.Uint32(b[8:])), int32(o.Uint32(b[12:]))}
}

// Encode stores c in the first SummarySize bytes of b.
func (c Summary) Encode(o endian.Order, b []byte) {
	o.PutUint32(b, uint32(c.Dirs))
	o.PutUint32(b[4:], uint32(c.FreeBlocks))
	o.PutUint32(b[8:], uint32(c.FreeInodes))
	o.PutUint32(b[12:], uint32(c.FreeFrags))
}

// Plus is the sum of c and d.
func (c Summary) Plus(d Summary) Summary {
	return Summary{c.Dirs + d.Dirs, c.FreeBlocks + d.FreeBlocks, c.FreeInodes + d.FreeInodes, c.FreeFrags + d.FreeFrags}
}

// Add adds the counts of c.
func (t *Totals) Add(c Summary) {
	t.Dirs += int64(c.Dirs)
	t.FreeBlocks += int64(c.FreeBlocks)
	t.FreeInodes += int64(c.FreeInodes)
	t.FreeFrags += int64(c.FreeFrags)
}
