package fsck_test

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/tests/golden"
)

// TestGoldenText checks every genuine image, clean and unclean, and holds the text against what the genuine fsck_ffs -fn printed.
func TestGoldenText(t *testing.T) {
	for _, name := range golden.Names(t, "tree-*", "full-*", "frag-*", "inodes-*", "one-cg", "many-cg-*", "short-*", "quota2-*", "snapshot-*",
		"tuned-*", "appleufs-*", "unclean-*", "wapbl-clean-*", "wapbl-ufs1-clean") {
		if strings.Contains(name, ".") {
			continue // the image after a repair
		}
		t.Run(name, func(t *testing.T) {
			want := golden.Text(t, name+".fsck-n.txt")
			var out bytes.Buffer
			report, err := fsck.Check(context.Background(), golden.Load(t, name), fsck.Options{
				Name: "/rdk", Out: &out, Force: true, Zone: time.UTC,
			})
			if err != nil {
				t.Fatal(err)
			}
			got, sound := out.String(), !strings.Contains(want, "INCONSISTENCIES")
			if report.Super.Order.IsBig() {
				got, want = unordered(got), unordered(want)
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", diffAt(got, want), want)
			}
			if report.Clean() != sound {
				t.Errorf("Clean() = %v, want %v", report.Clean(), sound)
			}
		})
	}
}

// unordered sorts the messages and leaves times out: on a little-endian machine the genuine tool visits the directories of a big-endian volume in the
// order of their byte-swapped addresses, and prints some of their times swapped.
func unordered(text string) string {
	parts := regexp.MustCompile(`\? (?:no|yes)\n\n`).Split(regexp.MustCompile(`MTIME=.{17}|\*\* .*\n`).ReplaceAllString(text, ""), -1)
	slices.Sort(parts)
	return strings.Join(parts, "?\n")
}

// diffAt shows got with a mark before the first line that differs.
func diffAt(got, want string) string {
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			g[i] = ">>> " + g[i]
			break
		}
	}
	return strings.Join(g, "")
}
