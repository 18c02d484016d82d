package bridge

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// An idMap is which user or group ids exist in a user name space. In one of an ordinary user's own there are few, and the
// host lets nobody write to a file whose owner does not exist: so there what belongs to others is shown as root's.
type idMap []idRange

type idRange struct{ first, count uint64 }

// readIDMap reads a file like /proc/self/uid_map: first id inside, first outside, count. Nil if every id exists.
func readIDMap(file string) idMap {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return parseIDMap(string(b))
}

func parseIDMap(text string) (m idMap) {
	for line := range strings.Lines(text) {
		var r idRange
		var outside uint64
		if n, err := fmt.Sscan(line, &r.first, &outside, &r.count); n != 3 || err != nil {
			return nil
		}
		if r.first == 0 && r.count >= math.MaxUint32 {
			return nil
		}
		m = append(m, r)
	}
	return m
}

// show is the id that the host is told.
func (m idMap) show(id uint32) uint32 {
	for _, r := range m {
		if uint64(id) >= r.first && uint64(id)-r.first < r.count {
			return id
		}
	}
	if m == nil {
		return id
	}
	return 0
}
