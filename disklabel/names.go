package disklabel

import (
	"slices"
	"strconv"
	"strings"
)

// diskTypes are the kinds of disk by number (Label.Type).
var diskTypes = [...]string{
	"unknown", "SMD", "MSCP", "old DEC", "SCSI", "ESDI", "ST506", "HP-IB", "HP-FL", "type 9", "floppy", "ccd", "vnd",
	"ATAPI", "RAID", "ld", "jfs", "cgd", "vinum", "flash", "dm", "rumpd", "md",
}

// fsTypes are NetBSD's kinds of partition by number (Partition.FSType).
var fsTypes = [...]string{
	"unused", "swap", "Version 6", "Version 7", "System V", "4.1BSD", "Eighth Edition", "4.2BSD", "MSDOS", "4.4LFS",
	"unknown", "HPFS", "ISO9660", "boot", "ADOS", "HFS", "FILECORE", "Linux Ext2", "NTFS", "RAID", "ccd", "jfs",
	"Apple UFS", "vinum", "UDF", "SysVBFS", "EFS", "NiLFS", "cgd", "MINIX FSv3",
}

// Numbers that the code treats apart.
const (
	fsUnused   = 0
	fsSwap     = 1
	fsFFS      = 7
	fsMSDOS    = 8
	fsLFS      = 9
	fsISO9660  = 12
	fsADOS     = 14
	fsExt2     = 17
	fsAppleUFS = 22
)

// The other systems agree with NetBSD up to 13 and differ above.
var (
	openBSDTypes = map[uint8]string{
		15: "HFS", 16: "ADFS", 17: "ext2fs", 18: "ccd", 19: "RAID", 20: "NTFS", 21: "UDF",
	}
	freeBSDTypes = map[uint8]string{
		14: "vinum", 15: "raid", 17: "EXT2FS", 18: "NTFS", 20: "ccd", 21: "jfs", 22: "HAMMER", 23: "HAMMER2", 24: "UDF",
		26: "EFS", 27: "ZFS", 30: "nandfs",
	}
)

// DiskTypeName is the name of a kind of disk, "" if the number has none.
func DiskTypeName(t uint16) string {
	if int(t) < len(diskTypes) {
		return diskTypes[t]
	}
	return ""
}

// diskTypeByName is the number of a kind of disk; case does not matter.
func diskTypeByName(s string) (uint16, bool) {
	i := slices.IndexFunc(diskTypes[:], func(n string) bool { return strings.EqualFold(n, s) })
	return uint16(max(i, 0)), i >= 0
}

// FSTypes are the names a partition may have in a NetBSD label, sorted by bytes as `disklabel -l` prints them.
func FSTypes() []string {
	return slices.Sorted(slices.Values(fsTypes[:]))
}

// FSTypeName is the name of a partition's kind under the label's system, or the number in digits if it has none.
func (l *Label) FSTypeName(t uint8) string {
	var name string
	switch {
	case l.System == OpenBSD && t > 14:
		name = openBSDTypes[t]
	case l.System == FreeBSD && t > 13:
		name = freeBSDTypes[t]
	case int(t) < len(fsTypes):
		name = fsTypes[t]
	}
	if name == "" {
		return strconv.Itoa(int(t))
	}
	return name
}

// fsHints say which file system can mount a kind of partition, by the kind's name in lower case.
var fsHints = map[string]string{
	"4.2bsd": "ffs", "apple ufs": "ffs", "4.4lfs": "lfs", "msdos": "msdos", "iso9660": "cd9660", "linux ext2": "ext2fs",
	"ext2fs": "ext2fs", "ntfs": "ntfs", "cgd": "cgd", "swap": "swap", "hfs": "hfs", "udf": "udf", "efs": "efs",
	"sysvbfs": "sysvbfs", "nilfs": "nilfs", "zfs": "zfs", "raid": "raid", "ados": "ados", "filecore": "filecore",
}

// sliceTypes name the types of a master boot record's entries that matter here.
var sliceTypes = map[byte]struct{ name, hint string }{
	0x01: {"FAT12", "msdos"}, 0x04: {"FAT16", "msdos"}, 0x05: {"extended", ""}, 0x06: {"FAT16", "msdos"},
	0x07: {"NTFS", "ntfs"}, 0x0b: {"FAT32", "msdos"}, 0x0c: {"FAT32", "msdos"}, 0x0e: {"FAT16", "msdos"},
	0x0f: {"extended", ""}, 0x81: {"MINIX", ""}, 0x82: {"Linux swap", "swap"}, 0x83: {"Linux", "ext2fs"},
	0x85: {"extended", ""}, 0xa5: {"FreeBSD", ""}, 0xa6: {"OpenBSD", ""}, 0xa8: {"Apple UFS", "ffs"}, 0xa9: {"NetBSD", ""},
	0xbf: {"Solaris", ""}, 0xee: {"GPT protective", ""}, 0xef: {"EFI system", "msdos"},
}
