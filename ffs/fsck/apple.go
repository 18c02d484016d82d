package fsck

import (
	"math/rand/v2"

	"rump/ffs/ondisk"
)

// checkLabel offers to give a volume that is said to be Apple UFS the label that Apple's systems look for, if it has none that is sound. A label that
// cannot be trusted is written anew.
func (c *checker) checkLabel() {
	if !c.o.Apple {
		return
	}
	sector := int64(c.dev.SectorSize())
	from := int64(ondisk.AppleLabelOffset) &^ (sector - 1)
	end := (ondisk.AppleLabelOffset + ondisk.AppleLabelSize + sector - 1) &^ (sector - 1)
	if end > c.dev.Size() {
		return
	}
	b := make([]byte, end-from)
	c.readAt(b, from)
	if _, ok := ondisk.DecodeAppleLabel(b[ondisk.AppleLabelOffset-from:]); ok {
		return
	}
	c.fatal(Damage, 0, "MISSING APPLEUFS VOLUME LABEL\n")
	if !c.ask("FIX") {
		return
	}
	name := c.s.VolName
	if name == "" {
		name = "untitled"
	}
	label := make([]byte, ondisk.AppleLabelSize)
	ondisk.AppleLabel{Time: uint32(c.o.Now().Unix()), Name: name, UUID: rand.Uint64()}.Encode(label)
	c.patch(label, ondisk.AppleLabelOffset)
}
