// Package disklabel reads, prints, parses and writes BSD disk labels, and finds the partitions of a disk.
//
// A disk may hold a master boot record whose slices hold labels of their own, a label without a boot record, or both.
// [List] shows all of it in one view, [Read] only the labels, [Table.Resolve] follows what a person wrote as
// `disk.img%DISKLABEL:e%`. [Label.Text], [Parse], [Label.Check], [Write], [Delete], [Disktab] and [New] are what the
// disklabel command is made of.
//
// Sources: NetBSD disklabel(5) and disklabel(8), OpenBSD disklabel(5), FreeBSD bsdlabel(8), and the layout that PC
// firmware gave the master boot record. All numbers from a disk are checked before use; nothing read here can make
// the reader allocate more than a few kilobytes or follow a chain for ever.
package disklabel
