package namespace

import (
	"strings"
	"testing"
)

// TestFindRange: ranges are found by number and by name; what makes no sense is passed over.
func TestFindRange(t *testing.T) {
	const file = "# comment\nother:1:2\nme:x:5\nme:100000:0\nme:4294967296:1\n\nme:100000:65536\n1000:7:8\n"
	for _, c := range []struct {
		names        []string
		start, count uint64
		ok           bool
	}{
		{[]string{"1001", "me"}, 100000, 65536, true},
		{[]string{"1000", "nobody"}, 7, 8, true},
		{[]string{"other"}, 1, 2, true},
		{[]string{"m"}, 0, 0, false},
	} {
		start, count, ok := findRange(strings.NewReader(file), c.names)
		if start != c.start || count != c.count || ok != c.ok {
			t.Errorf("%v: got %d, %d, %v, want %d, %d, %v", c.names, start, count, ok, c.start, c.count, c.ok)
		}
	}
}
