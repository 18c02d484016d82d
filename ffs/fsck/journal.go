package fsck

import (
	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// journal replays a write-ahead log that may hold something, and reports whether to go on. Without leave to write the check goes by what is in the
// log as if it were in its place. As in the original, counts of the superblock stay those from before; files that the log lists as nameless are ended
// as any other file without a name.
func (c *checker) journal(skip bool) bool {
	if !c.s.HasWAPBL() || !c.journalFlags() {
		return true
	}
	if c.mode == Preen && skip {
		c.say("file system is journaled; not checking\n")
		return false
	}
	c.say("** File system is journaled; replaying journal\n")
	log, err := journal.Read(c.ctx, c.dev, c.dev.Size(), c.s)
	if err == nil && c.mode == No {
		c.dev, err = c.viewOf(log)
	}
	if c.ctx.Err() != nil {
		return false
	}
	if err != nil {
		c.debug("%v\n", err)
		c.fatal(Damage, 0, "UNABLE TO READ JOURNAL FOR REPLAY")
		c.clearJournal()
		return c.stop == nil
	}
	if c.mode == No {
		return true
	}
	return c.replay(log)
}

// viewOf shows the device with what is in the log in its place.
func (c *checker) viewOf(log *journal.Log) (blockdev.Device, error) {
	d, err := log.View(c.dev)
	if err != nil {
		d = c.dev
	}
	return d, err
}

// replay brings the log's content to its place. The log is out of use before anything else is written: replayed again later, it would undo repairs.
func (c *checker) replay(log *journal.Log) bool {
	c.report.Modified = true
	if err := log.Replay(c.ctx, c.dev); err != nil {
		if c.ctx.Err() != nil {
			return false
		}
		c.debug("%v\n", err)
		c.fatal(Damage, 0, "UNABLE TO REPLAY JOURNAL BLOCKS")
		if !c.ask(questionGoOn) {
			c.noJournal()
			return false
		}
	}
	c.s.Flags &^= ondisk.FlagWAPBL
	c.super.changed, c.super.clean = true, false
	if p, _, err := ondisk.FindSuper(c.dev, c.dev.Size()); err == nil {
		p.Flags &^= ondisk.FlagWAPBL
		p.Clean &^= ondisk.CleanIs
		c.super.primary, c.super.began = p, true
		c.s.Clean &^= ondisk.CleanIs
		c.putSuper(p)
		c.flush()
	}
	return c.stop == nil
}

// journalFlags looks at what is to be done with the log, and reports whether to replay it.
func (c *checker) journalFlags() bool {
	j, order, ok := c.s.FindJournal()
	if !ok {
		order = c.s.Order
		j = c.s.Journal(order)
	}
	if j.Flags == 0 || j.Flags == ondisk.JournalCreate || j.Flags == ondisk.JournalClear {
		return true
	}
	c.fatal(Damage, 0, "INVALID JOURNAL FLAGS %d", j.Flags)
	if !c.ask(questionGoOn) {
		c.noJournal()
		return true
	}
	c.say("CLEARING JOURNAL FLAGS\n")
	j.Flags, j.Location = 0, 0
	c.s.SetJournal(order, j)
	c.s.Flags &^= ondisk.FlagWAPBL
	c.super.changed = true
	return false
}

// clearJournal gives up a log that cannot be replayed, if the user wants to go on without it.
func (c *checker) clearJournal() {
	if !c.ask(questionGoOn) {
		c.noJournal()
		return
	}
	c.say("CLEARING EXISTING JOURNAL\n")
	j, order, ok := c.s.FindJournal()
	if ok {
		j.Flags = ondisk.JournalClear
		c.s.SetJournal(order, j)
	}
	c.s.Flags &^= ondisk.FlagWAPBL
	c.super.changed, c.super.clean = true, false
}

// noJournal ends the run after the answer that it shall not go on without the journal.
func (c *checker) noJournal() {
	if c.stop == nil {
		c.stop = ErrDeclined
	}
}
