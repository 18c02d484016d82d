package fsck

// journal looks whether a write-ahead log may hold something that is not in its place yet, and reports whether to go on. Replaying it is the business
// of a mount: a check without repair says that it sees the volume without it, a repair is refused.
func (c *checker) journal(skip bool) bool {
	switch {
	case !c.s.HasWAPBL():
		return true
	case c.mode == Preen && skip:
		c.say("file system is journaled; not checking\n")
		return false
	case c.mode == No:
		c.print("** File system is journaled; not replaying journal\n")
		return true
	}
	c.say("** File system is journaled\n")
	c.stop = ErrJournal
	return false
}
