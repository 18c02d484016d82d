package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"rump/components"
	"rump/disklabel"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
)

// A driveSpec is the argument of rump_server -d: a file of the host, and the key under which the server has it.
type driveSpec struct {
	key, hostPath string
	size, offset  int64 // bytes; size 0: all there is
	sizeHost      bool  // the size that the file has
	label         byte  // a partition of its disk label; 0: none
	kind          vfs.Kind
	readOnly      bool

	given map[string]bool
}

var driveKinds = map[string]vfs.Kind{"blk": vfs.KindBlock, "chr": vfs.KindChar, "reg": vfs.KindRegular}

// parseDriveSpec reads words with commas between: key=, hostpath=, size=, offset=, disklabel=, type=, ro. Errors are in the words
// of the genuine server, as far as it has words for them.
func parseDriveSpec(s string) (*driveSpec, error) {
	d := &driveSpec{kind: vfs.KindBlock, given: map[string]bool{}}
	for word := range strings.SplitSeq(s, ",") {
		name, value, has := strings.Cut(word, "=")
		if err := d.word(name, value, has); err != nil {
			return nil, err
		}
	}
	switch {
	case d.key == "" || d.hostPath == "",
		d.size == 0 && !d.sizeHost && d.label == 0 && d.kind != vfs.KindRegular:
		return nil, fmt.Errorf("incomplete drivespec %q: key=, hostpath= and one of size=, disklabel= are wanted", s)
	}
	return d, nil
}

// word takes one word of a specification in.
func (d *driveSpec) word(name, value string, has bool) (err error) {
	if name == "ro" && !has {
		d.readOnly = true
		return nil
	}
	if d.given[name] {
		if name == "type" {
			return errors.New("type already specified")
		}
		return fmt.Errorf("%s already given", name)
	}
	window := d.given["size"] || d.given["offset"]
	d.given[name] = true
	switch {
	case name == "key" && has:
		d.key = value
	case name == "hostpath" && has:
		d.hostPath = value
	case (name == "size" || name == "offset") && has:
		return d.number(name, value)
	case name == "disklabel" && has:
		if window {
			return errors.New("disklabel needs to be used alone")
		}
		if len(value) != 1 || value[0] < 'a' || value[0] > 'z' {
			return fmt.Errorf("invalid label part %q: one letter is wanted", value)
		}
		d.label = value[0]
	case name == "type" && has:
		var ok bool
		if d.kind, ok = driveKinds[value]; !ok {
			return fmt.Errorf("invalid type %s: blk, chr and reg are known", value)
		}
	default:
		return fmt.Errorf("invalid dtoken %q: known are key, hostpath, size, offset, disklabel, type and ro", name)
	}
	return nil
}

// number takes size= or offset= in.
func (d *driveSpec) number(name, value string) (err error) {
	if d.label != 0 {
		return errors.New("disklabel needs to be used alone")
	}
	to := &d.size
	if name == "offset" {
		to = &d.offset
	}
	d.sizeHost = d.sizeHost || name == "size" && value == "host"
	if name == "size" && value == "host" {
		err = nil
	} else if *to, err = parseSize(value, 1); err == nil && *to < 0 {
		err = fmt.Errorf("%q is negative", value)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case d.sizeHost && d.given["offset"]:
		return errors.New("cannot specify offset with size=host")
	case d.size == 0 && !d.sizeHost:
		delete(d.given, "size") // none is given
	}
	return nil
}

// A reasonError says what a server was about when something went wrong.
type reasonError struct {
	reason string
	err    error
}

func (e *reasonError) Error() string { return e.reason + ": " + message(e.err) }
func (e *reasonError) Unwrap() error { return e.err }

// because gives an error its reason.
func because(reason string, err error) error {
	if err == nil {
		return nil
	}
	return &reasonError{reason, err}
}

// resolve finds out which part of the file is meant.
func (d *driveSpec) resolve() (components.Key, error) {
	k := components.Key{Path: d.key, Kind: d.kind, File: dev.HostDisk{
		Path: d.hostPath, Offset: d.offset, Size: d.size, ReadOnly: d.readOnly, Create: !d.sizeHost && d.label == 0 && !d.readOnly,
	}}
	if d.sizeHost {
		info, err := os.Stat(d.hostPath)
		switch {
		case err != nil:
			return k, because("etfs hostpath open", err)
		case info.Mode().IsRegular() && info.Size() == 0:
			return k, because("size=host, but cannot query non-zero size", fmt.Errorf("%s: %w", d.hostPath, fs.ErrInvalid))
		}
	}
	if d.label != 0 {
		p, err := labelPart(d.hostPath, d.label)
		if err != nil {
			return k, err
		}
		k.File.Offset, k.File.Size = p.Offset, p.Size
	}
	return k, nil
}

// labelPart is the partition of a disk label in a file, in a BSD slice or in none.
func labelPart(path string, letter byte) (disklabel.Part, error) {
	disk, err := blockdev.OpenFile(path, blockdev.FileOptions{ReadOnly: true, NoLock: true})
	if err != nil {
		return disklabel.Part{}, because("etfs hostpath open", err)
	}
	defer disk.Close()
	table, err := readTable(disk)
	if err != nil {
		return disklabel.Part{}, because("could not read disk device", err)
	}
	p, err := table.Partition(letter)
	switch {
	case err != nil && len(table.Labels) == 0:
		return p, because("disklabel not found", fmt.Errorf("%s: %w", path, err))
	case err != nil:
		return p, because("partition not available", fmt.Errorf("%s: %w", path, err))
	}
	return p, nil
}
