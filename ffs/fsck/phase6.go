package fsck

import (
	"cmp"
	"maps"
	"slices"

	"rump/ffs/ondisk"
)

// Offsets in a quota2 file (struct quota2_header) and in its entries (struct quota2_entry).
const (
	offQuotaMagic = 0   // q2h_magic_number
	offQuotaType  = 4   // q2h_type
	offQuotaShift = 5   // q2h_hash_shift
	offQuotaHash  = 112 // q2h_entries

	offEntryBlocks = 16 // q2e_val[QL_BLOCK].q2v_cur
	offEntryFiles  = 56 // q2e_val[QL_FILE].q2v_cur
	offEntryNext   = 80 // q2e_next
	offEntryID     = 88 // q2e_uid
	quotaEntrySize = 96
)

// quotaKey is an owner: kind 0 for users, 1 for groups.
type quotaKey struct {
	kind int
	id   uint32
}

// quotaUse is what an owner uses: 512-byte units and inodes.
type quotaUse struct{ blocks, files int64 }

// addUsage counts an inode for its owners.
func (c *checker) addUsage(ino ondisk.Ino, d *ondisk.Inode, sectors int64) {
	if !c.s.HasQuota2() || c.hidden(ino) {
		return
	}
	for kind, id := range []uint32{d.UID, d.GID} {
		u := c.usage[quotaKey{kind, id}]
		u.blocks += sectors
		u.files++
		c.usage[quotaKey{kind, id}] = u
	}
}

// phase6 compares what the quotas of the volume say with what files use. Volumes without quotas have no such phase.
func (c *checker) phase6() error {
	if !c.s.HasQuota2() {
		return nil
	}
	if err := c.start(6, "Check Quotas"); err != nil {
		return err
	}
	for kind, name := range []string{"USER", "GROUP"} {
		if c.s.QuotaFlags&(1<<kind) == 0 {
			continue
		}
		have, err := c.quotaEntries(c.s.QuotaFile[kind], kind)
		if err != nil {
			return err
		}
		if have == nil {
			c.note(Damage, c.s.QuotaFile[kind], "CORRUPTED QUOTA FILE I=%d\n", c.s.QuotaFile[kind])
			continue
		}
		c.compareQuotas(kind, name, have)
	}
	return nil
}

func (c *checker) compareQuotas(kind int, name string, have map[uint32]quotaUse) {
	ids := map[uint32]bool{}
	for id := range have {
		ids[id] = true
	}
	for key := range c.usage {
		if key.kind == kind {
			ids[key.id] = true
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(ids), cmp.Compare) {
		is, should := have[id], c.usage[quotaKey{kind, id}]
		if is != should {
			c.note(Counts, 0, "%s QUOTA MISMATCH FOR ID %d: %d/%d SHOULD BE %d/%d", name, id,
				is.blocks, is.files, should.blocks, should.files)
			c.ask("FIX")
		}
	}
}

// quotaEntries reads all entries of a quota file; nil if it makes no sense.
func (c *checker) quotaEntries(ino ondisk.Ino, kind int) (map[uint32]quotaUse, error) {
	if !c.s.ValidIno(ino) || c.stateOf(ino) != file {
		return nil, nil
	}
	d, err := c.inode(ino)
	if err != nil {
		return nil, err
	}
	const most = 64 << 20 // bytes: more than half a million owners
	if d.Size > most {
		return nil, nil
	}
	var b []byte
	err = c.walkBlocks(d, c.visitLimit(), func(at ondisk.Frag, n int, p place) (step, error) {
		if p.level > 0 || p.lbn < 0 {
			return goOn, nil
		}
		block, err := c.read(at, n)
		b = append(b, block...)
		return goOn, err
	})
	if err != nil || int64(len(b)) < d.Size || len(b) < offQuotaHash {
		return nil, err
	}
	o := c.s.Order
	heads := 1 << min(b[offQuotaShift], 30)
	if o.Uint32(b[offQuotaMagic:]) != ondisk.Quota2Magic || int(b[offQuotaType]) != kind || offQuotaHash+8*heads > len(b) {
		return nil, nil
	}
	have := map[uint32]quotaUse{}
	left := len(b)/quotaEntrySize + 1 // a chain longer than that is a loop
	for i := range heads {
		for off := o.Uint64(b[offQuotaHash+8*i:]); off != 0; {
			if off > uint64(len(b)-quotaEntrySize) || left == 0 {
				return nil, nil
			}
			left--
			e := b[off:]
			have[o.Uint32(e[offEntryID:])] = quotaUse{int64(o.Uint64(e[offEntryBlocks:])), int64(o.Uint64(e[offEntryFiles:]))}
			off = o.Uint64(e[offEntryNext:])
		}
	}
	return have, nil
}
