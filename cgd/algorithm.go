package cgd

import (
	"fmt"
	"slices"
	"strings"
)

// A Cipher names how sectors are transformed.
type Cipher struct {
	Algorithm string // "aes-cbc" and so on: see Algorithms
	IVMethod  string // "encblkno1", "encblkno8" or its old name "encblkno"; "" is encblkno1
	KeyLength int    // bits; 0 is the algorithm's default
	BlockSize int    // bits of a cipher block; 0 is the algorithm's, the only one allowed
}

// An algorithm is a cipher in a mode, as parameters files name it.
type algorithm struct {
	name        string
	block       int // bytes of a cipher block, which are also those of the initialisation vector
	defaultBits int // length of the key
	wants       string
	takes       func(bits int) bool
	make        func(c Cipher, key []byte, sector int) (transform, error)

	// piece is how many bytes one core transforms before it is worth asking another one: some 50 us of work.
	piece int
}

// algorithms are all, in the order in which they are listed to people.
var algorithms = []*algorithm{
	{"aes-cbc", 16, 128, "128, 192 or 256", oneOf(128, 192, 256), newAESCBC, 128 << 10},
	{"aes-xts", 16, 256, "256 or 512", oneOf(256, 512), newAESXTS, 128 << 10},
	{"adiantum", 16, 256, "256", oneOf(256), newAdiantum, 32 << 10},
	{"3des-cbc", 8, 192, "192", oneOf(192), newTripleDES, 8 << 10},
	{"blowfish-cbc", 8, 128, "40 to 448 in steps of 8", func(n int) bool { return n >= 40 && n <= 448 && n%8 == 0 }, newBlowfish, 16 << 10},
}

// ivMethods are all. With ciphers that are not CBC, all are encblkno1.
var ivMethods = []string{"encblkno1", "encblkno8", "encblkno"}

func oneOf(lengths ...int) func(int) bool {
	return func(n int) bool { return slices.Contains(lengths, n) }
}

// Algorithms are the known names of ciphers.
func Algorithms() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

func algorithmOf(name string) (*algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return a, nil
		}
	}
	return nil, unknown("algorithm", name, Algorithms())
}

// unknown is the error of a word that is not one of a list.
func unknown(what, word string, known []string) error {
	if word == "" {
		return fmt.Errorf("unspecified %s, known are %s", what, strings.Join(known, ", "))
	}
	return fmt.Errorf("unknown %s %q, known are %s", what, word, strings.Join(known, ", "))
}

// complete replaces what is left out by its default and checks the whole.
func (c Cipher) complete() (Cipher, *algorithm, error) {
	a, err := algorithmOf(c.Algorithm)
	if err != nil {
		return c, nil, err
	}
	if c.IVMethod == "" {
		c.IVMethod = ivMethods[0]
	}
	if !slices.Contains(ivMethods, c.IVMethod) {
		return c, nil, unknown("IV method", c.IVMethod, ivMethods)
	}
	if c.KeyLength == 0 {
		c.KeyLength = a.defaultBits
	}
	if !a.takes(c.KeyLength) {
		return c, nil, fmt.Errorf("%s takes keys of %s bits, not of %d", a.name, a.wants, c.KeyLength)
	}
	if c.BlockSize != 0 && c.BlockSize != a.block*8 {
		return c, nil, fmt.Errorf("%s has blocks of %d bits, not of %d", a.name, a.block*8, c.BlockSize)
	}
	return c, a, nil
}

// keyBytes is the length of the key in bytes.
func (c Cipher) keyBytes() int { return (c.KeyLength + 7) / 8 }

// ivRounds is how many times the sector number is encrypted to become the initialisation vector. Disks from before
// NetBSD 5 have 8: bits were taken for bytes, and the vector is the last of eight blocks.
func (c Cipher) ivRounds() int {
	if c.IVMethod == "encblkno1" {
		return 1
	}
	return 8
}
