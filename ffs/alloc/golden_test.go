package alloc_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"rump/ffs/ondisk"
	"rump/tests/golden"
)

// Every group of every volume that NetBSD left behind clean is sound, and stays so when everything free has been taken and given back.
func TestGoldenGroups(t *testing.T) {
	patterns := []string{"tree-*", "full-*", "frag-*", "inodes-*", "one-cg", "many-cg-*", "short-*", "quota2-*", "tuned-*", "appleufs-*", "wapbl-clean-*", "*.fscked"}
	for _, name := range golden.Names(t, patterns...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && !strings.Contains(name, "8192-1024") {
				t.Skip("only one block size")
			}
			dev := golden.Load(t, name)
			s := superOf(t, dev)
			s.Apple = strings.HasPrefix(name, "appleufs")
			s.Clean = ondisk.CleanDirty // look at all groups
			var log bytes.Buffer
			o := testOptions(1)
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			v := mount(t, s, dev, o)
			if got := v.Totals(); got != s.Total || log.Len() > 0 || v.Broken() != nil {
				t.Fatalf("totals %+v, want %+v; broken %v; logged:\n%s", got, s.Total, v.Broken(), log.String())
			}
			before := v.Totals()
			var runs []run
			for {
				at, n, err := v.Run(len(runs), 0, 100, true)
				if err != nil {
					break
				}
				runs = append(runs, run{at, n * int(s.Frag)})
			}
			for n := int(s.Frag) - 1; n > 0; n-- {
				for {
					at, err := v.Frags(0, 0, n, true)
					if err != nil {
						break
					}
					runs = append(runs, run{at, n})
				}
			}
			if free, _ := v.Space(); free != 0 {
				t.Errorf("%d fragments are left, but cannot be had", free)
			}
			for _, r := range runs {
				if err := v.Free(r.at, r.n); err != nil {
					t.Fatal(err)
				}
			}
			if got := v.Totals(); got != before || v.Broken() != nil {
				t.Fatalf("totals %+v, want %+v as before; broken %v", got, before, v.Broken())
			}
			v.check()
		})
	}
}
