package blockmap

import "image/color"

// Kind is what a fragment is used for.
type Kind uint8

// The kinds, in the order of legends.
const (
	Free Kind = iota
	Boot
	Super      // primary superblock, and the copy in each group
	Header     // cylinder group headers
	Summary    // the counts of all groups
	InodesUsed // fragments of inodes of which one is in use
	InodesFree // fragments of inodes none of which is
	Dir
	File
	Tail     // the last, partly used block of a file
	Indirect // blocks of pointers
	Attr     // extended attributes, targets of long symbolic links
	Journal  // write-ahead log
	Quota    // files of quota2
	Snapshot
	Lost // neither free nor claimed by anything
	Bad  // claimed more than once, or claimed and free, or by a file where only structures can be
	NumKinds
)

// A look is how a kind appears.
type look struct {
	name   string
	letter byte
	colour color.NRGBA
	weight int // how much of others one fragment outweighs where they share a cell
}

var looks = [NumKinds]look{
	Free:       {"free", '.', rgb(0xe9edf1), 0},
	Boot:       {"boot area", 'b', rgb(0x8d99a6), 2},
	Super:      {"superblocks", 'S', rgb(0x6a2c91), 6},
	Header:     {"group headers", 'H', rgb(0xb57edc), 6},
	Summary:    {"summary area", 's', rgb(0x8f4fb8), 6},
	InodesUsed: {"inodes, in use", 'I', rgb(0xe6a117), 1},
	InodesFree: {"inodes, free", 'i', rgb(0xf7e2a9), 1},
	Dir:        {"directories", 'D', rgb(0x2f9e44), 4},
	File:       {"file data", 'F', rgb(0x3b78c9), 1},
	Tail:       {"fragments", 'f', rgb(0x7fb7ee), 1},
	Indirect:   {"indirect blocks", 'X', rgb(0x12365f), 4},
	Attr:       {"attributes, links", 'A', rgb(0x17a398), 4},
	Journal:    {"journal", 'J', rgb(0xd6589f), 2},
	Quota:      {"quotas", 'Q', rgb(0x8a5a44), 4},
	Snapshot:   {"snapshots", 'N', rgb(0x7f8c4a), 2},
	Lost:       {"lost", '?', rgb(0xff8c1a), 1000},
	Bad:        {"bad or claimed twice", '!', rgb(0xe01b24), 1000000},
}

func rgb(v uint32) color.NRGBA { return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff} }

// String is the kind in words.
func (k Kind) String() string {
	if k >= NumKinds {
		return "unknown"
	}
	return looks[k].name
}

// Letter stands for the kind where there are no colours.
func (k Kind) Letter() byte { return looks[k].letter }

// Colour is the kind's colour.
func (k Kind) Colour() color.NRGBA { return looks[k].colour }

// shades is how many steps lie between a cell with next to nothing in it and a full one.
const shades = 6

// shade is the colour of a cell of kind k that is in use to level/shades.
func shade(k Kind, level int) color.NRGBA {
	a, b := looks[Free].colour, looks[k].colour
	mix := func(x, y uint8) uint8 {
		// Even one fragment is seen.
		num := 2 + level
		return uint8((int(x)*(shades+2-num) + int(y)*num) / (shades + 2))
	}
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}
