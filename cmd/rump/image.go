package main

import (
	"errors"
	"fmt"
	"strings"

	"rump/diskfs"
	"rump/disklabel"
	"rump/ffs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// An image is a host file, or a part of it, as a disk.
type image struct {
	blockdev.Device        // the part
	spec            string // as the user named it
	file            string // the host file
	whole           bool   // the part is the whole file
	table           disklabel.Table

	// What the table is of: the file, or an encrypted disk in it. base is its specifier without a percent sign at the end.
	base      string
	disk      bool // the part is all of it
	encrypted bool
}

// imageOptions say which part, and how it is opened.
type imageOptions struct {
	readOnly     bool
	noLock       bool
	offset, size int64 // a window by hand; size 0 is up to the end
	keys         *keyring
	converting   bool // by the command that may have been interrupted in this
}

// openImage opens what spec names: FILE, or FILE%DISKLABEL:a% and the like (see disklabel.ParseSpec). The key of an
// encrypted disk is asked for unless the options have a keyring.
func openImage(spec string, o imageOptions) (*image, error) {
	file, steps, err := disklabel.ParseSpec(spec)
	if err != nil {
		return nil, err
	}
	dev, err := blockdev.OpenFile(file, blockdev.FileOptions{ReadOnly: o.readOnly, NoLock: o.noLock})
	if err != nil {
		return nil, err
	}
	im := &image{Device: dev, spec: spec, file: file, whole: true, base: file, disk: true}
	if err := im.narrow(steps, o); err != nil {
		im.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return im, nil
}

// narrow makes the image the part that the steps and the options name.
func (im *image) narrow(steps []disklabel.Spec, o imageOptions) error {
	if err := im.checkConverted(o); err != nil {
		return err
	}
	var err error
	if im.table, err = readTable(im.Device); err != nil {
		return err
	}
	for len(steps) > 0 {
		if steps[0].Kind == disklabel.KindCGD {
			if err := im.decrypt(steps[0], o); err != nil {
				return err
			}
			steps = steps[1:]
			continue
		}
		part, rest, err := im.table.Resolve(steps)
		if err != nil {
			return err
		}
		if len(rest) > 0 && rest[0].Kind != disklabel.KindCGD {
			return fmt.Errorf("%%%s%% names no part of %s", rest[0], part.Name())
		}
		if err := im.window(part.Name(), part.Offset, part.Size); err != nil {
			return err
		}
		for _, s := range steps[:len(steps)-len(rest)] {
			im.base += "%" + s.String()
		}
		steps = rest
	}
	if o.offset == 0 && o.size == 0 {
		return nil
	}
	size := o.size
	if size == 0 {
		size = (im.Size() - o.offset) &^ int64(im.SectorSize()-1)
	}
	return im.window("offset", o.offset, size)
}

func (im *image) window(what string, off, size int64) error {
	if off < 0 || size < 0 || off > im.Size() || size > im.Size()-off {
		return fmt.Errorf("%s: from byte %d to %d, but there are only %d bytes", what, off, off+size, im.Size())
	}
	dev, err := blockdev.NewSection(im.Device, off, size)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	im.Device, im.whole, im.disk = dev, false, false
	return nil
}

// readTable reads every partition table of a disk.
func readTable(dev blockdev.Device) (disklabel.Table, error) {
	var extra []disklabel.Slice
	g, err := diskfs.ReadGPT(dev, dev.Size())
	if err != nil && !errors.Is(err, diskfs.ErrNoGPT) {
		g = diskfs.GPT{} // damaged: what is left is seen without it
	}
	for _, e := range g.Entries {
		extra = append(extra, disklabel.Slice{Table: disklabel.KindGPT, Number: e.Number, Type: e.System, Name: e.TypeName, Start: e.Start, Size: e.Size})
	}
	return disklabel.List(dev, dev.Size(), extra...)
}

// notFFS explains why no file system was found: what was seen at each place, and the partition to name instead.
func (im *image) notFFS(err error) error {
	var lost *ondisk.NotFoundError
	if !errors.As(err, &lost) {
		return fmt.Errorf("%s: %w", im.spec, err)
	}
	var sb strings.Builder
	fmt.Fprintf(&sb, "%s: %v", im.spec, lost)
	if im.encrypted {
		sb.WriteString("; perhaps the passphrase is wrong: verify_method ffs in the parameters would find out")
	}
	if !im.disk {
		return errors.New(sb.String())
	}
	if im.table.Foreign != "" {
		fmt.Fprintf(&sb, "; it has a %s, not supported: use -o offset=BYTES", im.table.Foreign)
	}
	var with, other []string
	for _, p := range im.table.Parts() {
		if p.Raw || p.Broken || p.Size == 0 || im.named(p) {
			continue
		}
		name := fmt.Sprintf("'%s'", im.partSpec(p))
		if im.holdsFFS(p) {
			with = append(with, name)
		} else if p.Hint == "ffs" {
			other = append(other, name)
		}
	}
	switch {
	case len(with) > 0:
		fmt.Fprintf(&sb, "; there is one in a partition: name %s", strings.Join(with, " or "))
	case len(other) > 0:
		fmt.Fprintf(&sb, "; nor in its partitions %s", strings.Join(other, ", "))
	}
	return errors.New(sb.String())
}

// partSpec is the specifier of a part of the image.
func (im *image) partSpec(p disklabel.Part) string {
	if p.Label != nil && p.Slice != nil && len(im.table.Labels) > 1 {
		return fmt.Sprintf("%s%%%s:%d%%%s%%", im.base, p.Slice.Table, p.Slice.Number, p.Name())
	}
	return fmt.Sprintf("%s%%%s%%", im.base, p.Name())
}

// named reports whether a slice starts with a partition of a label, which is then the name to use.
func (im *image) named(slice disklabel.Part) bool {
	if slice.Label != nil {
		return false
	}
	for _, p := range im.table.Parts() {
		if p.Label != nil && !p.Raw && p.Offset == slice.Offset {
			return true
		}
	}
	return false
}

// holdsFFS reports whether a part of a whole image begins with a file system.
func (im *image) holdsFFS(p disklabel.Part) bool {
	info, err := im.probePart(p)
	return err == nil && info.Super != nil
}

// probePart looks for a file system in a part of a whole image.
func (im *image) probePart(p disklabel.Part) (ffs.Info, error) {
	size := min(p.Size, im.Size()-p.Offset) &^ int64(im.SectorSize()-1)
	if size <= 0 {
		return ffs.Info{}, errors.New("lies behind the end of the file")
	}
	dev, err := blockdev.NewSection(im.Device, p.Offset, size)
	if err != nil {
		return ffs.Info{}, err
	}
	return ffs.Probe(dev, dev.Size())
}

// HostFile says where the part lies on the host.
func (i *image) HostFile() (fd uintptr, offset int64, ok bool) {
	if h, is := i.Device.(blockdev.HostFile); is {
		return h.HostFile()
	}
	return 0, 0, false
}
