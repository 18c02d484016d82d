// Package cgd is a disk made from a disk, encrypted as NetBSD's cryptographic disk does it, with the parameters files
// that say how, and the keys that they tell how to make.
//
// There is no header on the disk: sector n of the plain disk is sector n of the disk below, transformed by itself. The
// sector's number, counted from the start of the disk below, makes its initialisation vector. What else is to be known
// stands in the parameters file (cgdconfig(8)): Parse reads one, Open makes the disk.
//
// Ciphers are those of the standard library, of x/crypto and of lukechampine.com/adiantum. Where the processor has AES
// instructions, AES in CBC and in XTS run through assembly of our own, many blocks at a time.
//
// Keys and passphrases are overwritten once they are no longer of use, expanded ones when the disk is closed. What the
// adiantum library makes from a key is out of reach; it is only let go.
package cgd
