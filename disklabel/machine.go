package disklabel

import (
	"strings"

	"rump/internal/endian"
)

// A Machine is a NetBSD port's convention for the label's place and size.
type Machine struct {
	Name   string
	MBR    bool // the label lies in the NetBSD slice of a master boot record, if there is one
	Sector int64
	Max    int // partitions
	Raw    int // index of the partition that is the whole disk
	Old    int // an older maximum, 0 if there was none
	Offset int64
	Order  endian.Order
	Either bool // the byte order differs from machine to machine; Order is a mere default
}

// Place is the label's byte offset from the start of its slice or disk.
func (m Machine) Place() int64 { return m.Sector*sectorSize + m.Offset }

// machineRows are the ports, those of one convention in one row.
var machineRows = []struct {
	names string
	m     Machine
}{
	{"amd64", Machine{MBR: true, Sector: 1, Max: 16, Raw: 3}},
	{"i386 ia64 zaurus hpcarm hpcmips epoc32", Machine{MBR: true, Sector: 1, Max: 16, Raw: 3, Old: 8}},
	{"arc cobalt landisk", Machine{MBR: true, Sector: 1, Max: 16, Raw: 3}},
	{"acorn26 acorn32 cats iyonix netwinder shark", Machine{MBR: true, Sector: 1, Max: 16, Raw: 2, Old: 8}},
	{"evbarm", Machine{MBR: true, Sector: 1, Max: 16, Raw: 2, Old: 8, Either: true}},
	{"evbarm64 evbsh3 mmeye", Machine{MBR: true, Sector: 1, Max: 16, Raw: 2, Either: true}},
	{"dreamcast hpcsh riscv", Machine{MBR: true, Sector: 1, Max: 16, Raw: 2}},
	{"evbcf evbppc-mbr or1k", Machine{MBR: true, Sector: 1, Max: 16, Raw: 2, Order: endian.Big}},
	{"prep", Machine{MBR: true, Sector: 1, Max: 8, Raw: 2, Order: endian.Big}},
	{"macppc", Machine{MBR: true, Max: 16, Raw: 2, Offset: 64, Order: endian.Big}},
	{"pmon", Machine{MBR: true, Max: 16, Raw: 2, Offset: 64, Either: true}},
	{"ews4800mips", Machine{Sector: 9, Max: 16, Raw: 15, Order: endian.Big}},
	{"hp300 cesfic", Machine{Sector: 2, Max: 8, Raw: 2, Order: endian.Big}},
	{"sbmips", Machine{Sector: 1, Max: 16, Raw: 3, Either: true}},
	{"emips hppa ibmnws ofppc rs6000 sandpoint sgimips", Machine{Sector: 1, Max: 16, Raw: 2, Order: endian.Big}},
	{"bebox mvmeppc", Machine{Sector: 1, Max: 8, Raw: 3, Order: endian.Big}},
	{"mipsco", Machine{Sector: 1, Max: 8, Raw: 2, Order: endian.Big}},
	{"atari", Machine{Max: 16, Raw: 2, Offset: 516, Order: endian.Big}},
	{"sparc sparc64 sun3", Machine{Max: 8, Raw: 2, Offset: 128, Order: endian.Big}},
	{"amiga amigappc evbppc", Machine{Max: 16, Raw: 2, Offset: 64, Order: endian.Big}},
	{"evbmips", Machine{Max: 16, Raw: 2, Offset: 64, Either: true}},
	{"vax", Machine{Max: 12, Raw: 2, Old: 8, Offset: 64}},
	{"alpha algor pmax", Machine{Max: 8, Raw: 2, Offset: 64}},
	{"luna68k mac68k news68k newsmips sun2 sun68k x68k", Machine{Max: 8, Raw: 2, Offset: 64, Order: endian.Big}},
	{"mvme68k next68k", Machine{Max: 8, Raw: 2, Order: endian.Big}},
}

// MachineByName is the port of that name.
func MachineByName(name string) (Machine, bool) {
	for _, row := range machineRows {
		for n := range strings.FieldsSeq(row.names) {
			if n == name {
				row.m.Name = n
				return row.m, true
			}
		}
	}
	return Machine{}, false
}

// places are the offsets at which some port has its label, most widespread first.
func places() []int64 {
	list := make([]int64, len(machineRows))
	for i, row := range machineRows {
		list[i] = row.m.Place()
	}
	return list
}

// ArchOrder is the byte order of a MACHINE_ARCH.
func ArchOrder(arch string) (endian.Order, bool) {
	switch arch {
	case "aarch64", "alpha", "arm", "i386", "ia64", "mipsel", "mips64el", "riscv32", "riscv64", "sh3el", "vax", "x86_64":
		return endian.Little, true
	case "aarch64eb", "armeb", "coldfire", "hppa", "m68000", "m68k", "mipseb", "mips64eb", "or1k", "powerpc", "sh3eb",
		"sparc", "sparc64":
		return endian.Big, true
	}
	if strings.HasPrefix(arch, "earm") {
		if strings.HasSuffix(arch, "eb") {
			return endian.Big, true
		}
		return endian.Little, true
	}
	return endian.Little, false
}
