package main

import (
	"context"
	"fmt"
	"os"

	"rump/cgd"
	"rump/disklabel"
)

// journalSuffix is what the journal of rump encrypt and rump decrypt has behind the image's name.
const journalSuffix = ".cgd-journal"

// checkConverted refuses an image that rump encrypt was interrupted in: part of it is encrypted, part is not.
func (im *image) checkConverted(o imageOptions) error {
	if o.converting {
		return nil
	}
	journal := im.file + journalSuffix
	if _, err := os.Stat(journal); err != nil {
		return nil
	}
	return fmt.Errorf("encrypting or decrypting it was interrupted, says %s: run the same command again to finish it", journal)
}

// decrypt makes the image the plain disk of what it was.
func (im *image) decrypt(step disklabel.Spec, o imageOptions) error {
	keys := o.keys
	if keys == nil {
		keys = terminalKeyring()
		defer keys.wipe()
	}
	p, err := readParams(step.Arg, keys.warn)
	if err != nil {
		return err
	}
	defer p.Wipe()
	name := im.base
	if name != im.file {
		name += "%"
	}
	key, err := keys.key(context.Background(), im.Device, p, name)
	if err != nil {
		return fmt.Errorf("%s: %w", step.Arg, err)
	}
	defer clear(key)
	d, err := cgd.New(im.Device, p.Cipher, key)
	if err != nil {
		return fmt.Errorf("%s: %w", step.Arg, err)
	}
	im.Device, im.whole, im.disk, im.encrypted = d, false, true, true
	im.base += "%" + step.String()
	im.table, err = readTable(im.Device)
	return err
}

// hasCGD reports that a specifier names an encrypted disk.
func hasCGD(spec string) bool {
	_, steps, err := disklabel.ParseSpec(spec)
	for _, s := range steps {
		if s.Kind == disklabel.KindCGD {
			return err == nil
		}
	}
	return false
}
