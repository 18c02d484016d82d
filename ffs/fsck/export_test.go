package fsck

// SmallSlots makes conversions work in batches as small as they can be.
func (o Options) SmallSlots() Options {
	o.slot = 1
	return o
}
