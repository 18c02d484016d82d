// Package bytesize reads sizes as dd(1), makefs(8) and newfs(8) take them.
package bytesize

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// sizeUnits are the suffixes of dd(1), makefs(8) and newfs(8).
var sizeUnits = map[byte]int64{'b': 512, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30, 't': 1 << 40, 'w': 8}

// Parse reads a count of bytes: a number with an optional suffix b (512), k, m, g, t or w (8), small or capital, or a
// product of such with x between them, "2x512k". A number without a suffix counts units of plain bytes each.
func Parse(s string, plain int64) (int64, error) {
	body, negative := strings.CutPrefix(s, "-")
	total := uint64(1)
	bare := true
	for _, word := range strings.FieldsFunc(" "+body+" ", func(r rune) bool { return r == 'x' || r == 'X' || r == '*' }) {
		word = strings.TrimSpace(word)
		unit := uint64(1)
		if n := len(word); n > 0 {
			if u, ok := sizeUnits[word[n-1]|0x20]; ok {
				unit, word, bare = uint64(u), word[:n-1], false
			}
		}
		n, err := strconv.ParseUint(word, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("%q is no size: want a number, with b, k, m, g or t, or products like 2x512k", s)
		}
		hi1, v := bits.Mul64(n, unit)
		hi2, sum := bits.Mul64(total, v)
		if total = sum; hi1|hi2 != 0 || total > math.MaxInt64 {
			return 0, fmt.Errorf("%q is too large", s)
		}
	}
	if bare {
		hi, v := bits.Mul64(total, uint64(plain))
		if total = v; hi != 0 || total > math.MaxInt64 {
			return 0, fmt.Errorf("%q is too large", s)
		}
	}
	if negative {
		return -int64(total), nil
	}
	return int64(total), nil
}
