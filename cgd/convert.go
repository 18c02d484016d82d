package cgd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"rump/rumpfs/blockdev"
)

// ErrDone is that of a conversion that there is no need for: the disk is as it should become.
var ErrDone = errors.New("nothing to do")

// A DoubtError is that of a disk that may be what it should become, or may not. ConvertOptions.Force has no doubts.
type DoubtError struct{ Why string }

func (e *DoubtError) Error() string { return e.Why }

// convertWindow is how many bytes are converted between two flushes of the disk.
const convertWindow = 8 << 20

// ConvertOptions are what a caller of Convert may say. The zero value encrypts.
type ConvertOptions struct {
	Decrypt bool
	Force   bool  // even if the disk does not look as if it needed it
	Where   int64 // byte of its file that the disk begins at, to know a journal of another disk by

	Progress func(done int64) // told how many bytes are done, now and then; nil is nobody

	window int // bytes converted at a time; 0 is convertWindow
}

// Convert encrypts a disk in place, or decrypts it. It may be killed at any moment, and the power may fail: called again
// with the same key and the same journal, it goes on where it was, and nothing is lost.
//
// The journal is a disk of JournalSize bytes that holds zeros at first. It must not be lost before Convert has
// returned nil. It holds ciphertext only, and nothing that makes the key easier to find than the ciphertext does.
//
// A disk that already is what it should become is ErrDone; one that is neither clearly plain nor clearly encrypted with
// this key is a DoubtError unless forced. Then, and if the context ends, nothing is left half done.
func Convert(ctx context.Context, dev, journal blockdev.Device, c Cipher, key []byte, o ConvertOptions) error {
	if dev.ReadOnly() || journal.ReadOnly() {
		return syscall.EROFS
	}
	d, err := New(dev, c, key)
	if err != nil {
		return err
	}
	defer d.Detach()
	j, err := openJournal(journal, d.journalHead(key[:d.key], o))
	if err != nil {
		return err
	}
	switch j.state {
	case journalDone:
		return nil
	case journalNone:
		if err := d.judge(o); err != nil {
			return err
		}
		if err := j.create(); err != nil {
			return err
		}
	}
	if err := d.convert(ctx, j, o); err != nil {
		return err
	}
	return j.writeHead(journalDone)
}

// convert does what is left to do.
func (d *Disk) convert(ctx context.Context, j *journal, o ConvertOptions) error {
	off, p, err := j.last()
	if err != nil {
		return err
	}
	if p != nil { // may be half written
		if err := d.replace(p, off, o.Decrypt); err != nil {
			return err
		}
		off += int64(len(p))
	}
	for ; off < d.size; off += int64(len(p)) {
		if o.Progress != nil {
			o.Progress(off)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p = j.window(off)
		if _, err := d.below.ReadAt(p, off); err != nil {
			return err
		}
		if !o.Decrypt {
			d.crypt(p, off, d.cipher.encrypt)
		}
		if err := j.write(off); err != nil {
			return err
		}
		if err := d.replace(p, off, o.Decrypt); err != nil {
			return err
		}
	}
	if o.Progress != nil {
		o.Progress(d.size)
	}
	return nil
}

// replace writes what the ciphertext p is to become. It may be repeated. It changes p.
func (d *Disk) replace(p []byte, off int64, decrypt bool) error {
	if decrypt {
		d.crypt(p, off, d.cipher.decrypt)
	}
	if _, err := d.below.WriteAt(p, off); err != nil {
		return err
	}
	return d.below.Flush()
}

// crypt transforms p in place on all cores.
func (d *Disk) crypt(p []byte, off int64, transform func(dst, src []byte, first uint64)) {
	r := run{p: p, off: off, piece: d.piece, failed: len(p), do: func(p []byte, off int64) error {
		transform(p, p, uint64(off/int64(d.sector)))
		return nil
	}}
	r.all()
}

// judge looks at the disk both ways and refuses to convert what is converted already or might be.
func (d *Disk) judge(o ConvertOptions) error {
	if o.Force {
		return nil
	}
	raw, err := lookAt(d.below)
	if err != nil {
		return err
	}
	plain, err := lookAt(d)
	if err != nil {
		return err
	}
	if o.Decrypt {
		return judgeDecrypt(raw, plain)
	}
	return judgeEncrypt(raw, plain)
}

// judgeEncrypt refuses what may be encrypted already. Order in the plain disk is no proof of that unless there is none
// in the raw one: blocks that repeat, decrypted though they are not encrypted, do so still.
func judgeEncrypt(raw, plain sight) error {
	switch {
	case raw.sure == sureRandom && plain.sure > sureRandom, raw.sure < sureKnown && plain.sure == sureKnown:
		return fmt.Errorf("%w: decrypted with this key there is %s, so it is encrypted already", ErrDone, plain)
	case raw.sure == sureRandom, plain.sure == sureKnown:
		return &DoubtError{fmt.Sprintf("there is %s, and decrypted with this key %s: it may be encrypted already", raw, plain)}
	}
	return nil
}

// judgeDecrypt refuses what may not be encrypted, or not with this key.
func judgeDecrypt(raw, plain sight) error {
	switch {
	case plain.sure > raw.sure:
		return nil
	case raw.sure == sureKnown && plain.sure < sureKnown:
		return fmt.Errorf("%w: there is %s, so it is not encrypted", ErrDone, raw)
	}
	return &DoubtError{fmt.Sprintf("with this key there is %s, and without %s: the passphrase is wrong, or it is not encrypted", plain, raw)}
}
