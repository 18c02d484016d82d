package cgd

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"rump/rumpfs/blockdev"
)

// A journal makes a conversion repeatable. It holds a head, which says what is converted into what, and two slots,
// which take turns: the ciphertext of one window each. A window is flushed in its slot before the disk is changed, and the
// disk is flushed before the other slot is used again. So the newest whole slot tells all: windows before it are
// done, its own can be done again from it, those after it are untouched.
type journal struct {
	dev   blockdev.Device
	head  journalHead
	state uint32 // one of the states
	slot  []byte // one slot: a slot head and a window
	salt  [saltBytes]byte
}

// journalHead is what a conversion is known by.
type journalHead struct {
	decrypt bool
	where   int64 // byte of its file that the disk begins at
	size    int64 // of the disk
	sector  int
	window  int
	check   func(salt []byte) []byte // the sum of a key and a salt
}

// The head is one sector: it is written whole or not at all. All numbers are little-endian.
const (
	journalMagic = "rump cgd journal"
	journalHeads = 4096 // bytes before the first slot; those of a slot before its window

	headOffMagic   = 0
	headOffVersion = 16 // 1
	headOffState   = 20 // one of the states below
	headOffDecrypt = 24 // 0 or 1
	headOffSector  = 28
	headOffWindow  = 32
	headOffWhere   = 40 // 64 bits
	headOffSize    = 48 // 64 bits
	headOffSalt    = 56
	headOffCheck   = 72 // HMAC-SHA256 of the salt by the key
	headOffSum     = 104
	headSize       = headOffSum + sha256.Size

	slotOffPlace  = 0 // 64 bits: byte of the disk
	slotOffLength = 8 // 64 bits
	slotOffSum    = 16
)

// States of a journal: none -> running -> done -> deleted. A journal that is done matters no more, except to tell the one
// who was killed before it was deleted that there is nothing left to do.
const (
	journalNone    = 0 // zeros
	journalRunning = 1
	journalDone    = 2
)

// JournalSize is how many bytes a journal of a conversion of a disk takes.
func JournalSize(dev blockdev.Device) int64 { return journalSize(windowOf(dev, ConvertOptions{})) }

func journalSize(window int) int64 { return journalHeads + 2*(journalHeads+int64(window)) }

// windowOf is how many bytes of a disk are converted at a time, whole sectors.
func windowOf(dev blockdev.Device, o ConvertOptions) int {
	if o.window == 0 {
		o.window = convertWindow
	}
	return int(max(min(int64(o.window), dev.Size()), int64(dev.SectorSize())))
}

// journalHead describes the conversion of d.
func (d *Disk) journalHead(key []byte, o ConvertOptions) journalHead {
	return journalHead{o.Decrypt, o.Where, d.size, d.sector, windowOf(d, o), func(salt []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(salt)
		return h.Sum(nil)
	}}
}

// openJournal reads the head, which is that of the same conversion or zeros.
func openJournal(dev blockdev.Device, head journalHead) (*journal, error) {
	j := &journal{dev: dev, head: head, slot: make([]byte, journalHeads+head.window)}
	p, err := readSome(dev, 0, 512)
	if err != nil {
		return nil, err
	}
	if len(p) == 512 && !allZero(p) {
		if err := j.parseHead(p); err != nil {
			return nil, err
		}
	}
	if want := journalSize(j.head.window); dev.Size() < want {
		return nil, fmt.Errorf("journal of %d bytes, want %d", dev.Size(), want)
	}
	return j, nil
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// parseHead holds a head that was found against the one that is wanted. One that is done and does not fit is as none.
func (j *journal) parseHead(p []byte) error {
	sum := sha256.Sum256(p[:headOffSum])
	state := binary.LittleEndian.Uint32(p[headOffState:])
	switch version := binary.LittleEndian.Uint32(p[headOffVersion:]); {
	case string(p[:len(journalMagic)]) != journalMagic:
		return errors.New("the journal is no journal of a conversion")
	case [sha256.Size]byte(p[headOffSum:headSize]) != sum:
		return errors.New("the journal is damaged: its head has a wrong sum")
	case version != 1:
		return fmt.Errorf("the journal is of version %d, only 1 is known", version)
	case state != journalRunning && state != journalDone:
		return fmt.Errorf("the journal is in state %d", state)
	}
	window, err := j.matchHead(p)
	if err != nil && state == journalDone {
		return nil
	}
	if err != nil {
		return err
	}
	j.state, j.head.window = state, window
	j.slot = make([]byte, journalHeads+window)
	return nil
}

// matchHead refuses to go on with another conversion. It returns the size of windows of the one that was begun.
func (j *journal) matchHead(p []byte) (int, error) {
	h := &j.head
	if decrypt := p[headOffDecrypt] != 0; decrypt != h.decrypt {
		return 0, fmt.Errorf("%s was interrupted: finish it first", map[bool]string{false: "encrypting", true: "decrypting"}[decrypt])
	}
	where, size := int64(binary.LittleEndian.Uint64(p[headOffWhere:])), int64(binary.LittleEndian.Uint64(p[headOffSize:]))
	if where != h.where || size != h.size {
		return 0, fmt.Errorf("the conversion of %d bytes from byte %d on was interrupted: finish it first", size, where)
	}
	if n := binary.LittleEndian.Uint32(p[headOffSector:]); n != uint32(h.sector) {
		return 0, fmt.Errorf("the conversion was begun with sectors of %d bytes, not of %d", n, h.sector)
	}
	copy(j.salt[:], p[headOffSalt:])
	if !hmac.Equal(p[headOffCheck:headOffCheck+sha256.Size], h.check(j.salt[:])) {
		return 0, errors.New("the conversion was begun with another key: the passphrase is wrong, or the parameters are others")
	}
	n := binary.LittleEndian.Uint32(p[headOffWindow:])
	if n == 0 || n%uint32(h.sector) != 0 || n > convertWindow {
		return 0, fmt.Errorf("the journal has windows of %d bytes", n)
	}
	return int(n), nil
}

// create writes the head.
func (j *journal) create() error {
	rand.Read(j.salt[:]) // never fails
	return j.writeHead(journalRunning)
}

func (j *journal) writeHead(state uint32) error {
	p := make([]byte, j.dev.SectorSize())
	copy(p, journalMagic)
	binary.LittleEndian.PutUint32(p[headOffVersion:], 1)
	binary.LittleEndian.PutUint32(p[headOffState:], state)
	if j.head.decrypt {
		p[headOffDecrypt] = 1
	}
	binary.LittleEndian.PutUint32(p[headOffSector:], uint32(j.head.sector))
	binary.LittleEndian.PutUint32(p[headOffWindow:], uint32(j.head.window))
	binary.LittleEndian.PutUint64(p[headOffWhere:], uint64(j.head.where))
	binary.LittleEndian.PutUint64(p[headOffSize:], uint64(j.head.size))
	copy(p[headOffSalt:], j.salt[:])
	copy(p[headOffCheck:], j.head.check(j.salt[:]))
	sum := sha256.Sum256(p[:headOffSum])
	copy(p[headOffSum:], sum[:])
	if _, err := j.dev.WriteAt(p, 0); err != nil {
		return err
	}
	return j.dev.Flush()
}

// window returns room for the window that begins at byte off of the disk.
func (j *journal) window(off int64) []byte {
	n := int(min(int64(j.head.window), j.head.size-off))
	return j.slot[journalHeads : journalHeads+n]
}

// place is where the slot of a window is.
func (j *journal) place(off int64) int64 {
	return journalHeads + off/int64(j.head.window)%2*int64(len(j.slot))
}

// sum is that of the slot with a window in it. The salt keeps apart slots of another conversion.
func (j *journal) sum(n int) []byte {
	h := sha256.New()
	h.Write(j.salt[:])
	h.Write(j.slot[:slotOffSum])
	h.Write(j.slot[journalHeads : journalHeads+n])
	return h.Sum(nil)
}

// write makes the window durable in its slot.
func (j *journal) write(off int64) error {
	n := len(j.window(off))
	clear(j.slot[:journalHeads])
	binary.LittleEndian.PutUint64(j.slot[slotOffPlace:], uint64(off))
	binary.LittleEndian.PutUint64(j.slot[slotOffLength:], uint64(n))
	copy(j.slot[slotOffSum:], j.sum(n))
	if _, err := j.dev.WriteAt(j.slot[:journalHeads+n], j.place(off)); err != nil {
		return err
	}
	return j.dev.Flush()
}

// last returns the newest window that a slot holds whole, and where it belongs; none before the first.
func (j *journal) last() (off int64, p []byte, err error) {
	newest := int64(-1)
	for i := range 2 {
		off, err := j.read(i)
		if err != nil {
			return 0, nil, err
		}
		newest = max(newest, off)
	}
	if newest < 0 {
		return 0, nil, nil
	}
	if _, err := j.read(int(newest / int64(j.head.window) % 2)); err != nil {
		return 0, nil, err
	}
	return newest, j.window(newest), nil
}

// read fills j.slot with one of the slots and returns where its window belongs, -1 if it is not whole.
func (j *journal) read(slot int) (int64, error) {
	if _, err := j.dev.ReadAt(j.slot, journalHeads+int64(slot)*int64(len(j.slot))); err != nil {
		return 0, err
	}
	off, n := int64(binary.LittleEndian.Uint64(j.slot[slotOffPlace:])), binary.LittleEndian.Uint64(j.slot[slotOffLength:])
	if off < 0 || off >= j.head.size || off%int64(j.head.window) != 0 || int(off/int64(j.head.window)%2) != slot || n != uint64(len(j.window(off))) {
		return -1, nil
	}
	if !hmac.Equal(j.slot[slotOffSum:slotOffSum+sha256.Size], j.sum(int(n))) {
		return -1, nil
	}
	return off, nil
}
