package tool

import (
	"strconv"
	"strings"
)

// blockUnit is the unit in which blocks are counted: BLOCKSIZE of the environment, 512 bytes without it or if it makes no sense. The
// name is what heads a column.
func (e *Env) blockUnit() (bytes int64, name string) {
	text := e.Getenv("BLOCKSIZE")
	letter, unit := "", int64(1)
	if n := len(text); n > 0 {
		if i := strings.IndexByte("kmg", text[n-1]|0x20); i >= 0 {
			letter, unit = strings.ToUpper(text[n-1:]), 1<<(10*(i+1))
			if text = text[:n-1]; text == "" {
				text = "1"
			}
		}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 || n*unit < 512 || n*unit > 1<<30 {
		return 512, "512-blocks"
	}
	return n * unit, strconv.FormatInt(n, 10) + letter + "-blocks"
}

// inBlocks is a number of 512-byte blocks in another unit, rounded up.
func inBlocks(n, unit int64) int64 { return (n*512 + unit - 1) / unit }
