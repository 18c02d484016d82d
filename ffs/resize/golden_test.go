package resize_test

import (
	"strings"
	"testing"

	"rump/tests/golden"
)

// resizable are the genuine volumes that can be resized.
func resizable(tb testing.TB) (names []string) {
	tb.Helper()
	for _, n := range golden.Names(tb, "tree-*", "full-*", "frag-*", "inodes-*", "one-cg", "short-*", "quota2-*", "tuned-*", "appleufs-*", "wapbl-clean-*", "wapbl-ufs1-clean", "many-cg-ufs2") {
		if !strings.Contains(n, ".") {
			names = append(names, n)
		}
	}
	return names
}

// TestGoldenThereAndBack makes each genuine volume as small as it gets, then larger than it was, and finds its tree unchanged.
func TestGoldenThereAndBack(t *testing.T) {
	for _, name := range resizable(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && !strings.Contains(name, "8192-1024") {
				t.Skip("one block size only")
			}
			m := golden.LoadManifest(t, name)
			small := golden.Load(t, name)
			was := super(t, small).Size
			least := smallest(t, small)
			r := must(t, small, least)
			s := super(t, small)
			t.Logf("%s to %s: %d fragments and %d inodes moved, %d groups of %d", mib(s.FragOffset(was)), mib(s.FragOffset(s.Size)), r.Frags, r.Inodes, s.Ncg, r.Old.Ncg)
			sameTree(t, front(t, small, s), m.Entries, m.Ranges)

			large := larger(t, front(t, small, s), 3*small.Size()+5*512)
			must(t, large, large.Size())
			sameTree(t, large, m.Entries, m.Ranges)
			if got := super(t, large); got.Size <= was {
				t.Errorf("%d fragments of %d", got.Size, was)
			}
		})
	}
}
