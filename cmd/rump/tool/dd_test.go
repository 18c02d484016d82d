package tool_test

import (
	"strings"
	"testing"

	"rump/cmd/rump/tool"
)

func TestDd(t *testing.T) {
	fs := newFFS(t)
	put(t, fs, "in", strings.Repeat("0123456789", 10))
	put(t, fs, "old", strings.Repeat("x", 50))
	timing := " bytes transferred in 0.001 secs "
	for _, c := range []struct {
		words, stdin string
		out          string // standard output, or the file out
		records      string // in, out
		bytes        string
	}{
		{"", "hello", "hello", "0+1 0+1", "5"},
		{"bs=2", "hello", "hello", "2+1 2+1", "5"},
		{"if=in of=out bs=30", "", strings.Repeat("0123456789", 10), "3+1 3+1", "100"},
		{"if=in bs=10 count=2", "", "01234567890123456789", "2+0 2+0", "20"},
		{"if=in bs=10 skip=9", "", "0123456789", "1+0 1+0", "10"},
		{"bs=3 skip=2", "abcdefghi", "ghi", "1+0 1+0", "3"},
		{"if=in bs=1 iseek=95 of=out", "", "56789", "5+0 5+0", "5"},
		{"ibs=3 obs=4", "abcdefghij", "abcdefghij", "3+1 2+1", "10"},
		{"bs=4 conv=sync", "abcdef", "abcdef\x00\x00", "1+1 2+0", "8"},
		{"ibs=3 obs=4 conv=osync", "abcde", "abcde\x00\x00\x00", "1+1 2+0", "8"},
		{"conv=ucase,swab", "aébc", "\xc3AB\xa9C", "0+1 0+1", "5"},
		{"conv=lcase", "ABC1", "abc1", "0+1 0+1", "4"},
		{"of=old seek=2 bs=2", "YY", "xxxxYY", "1+0 1+0", "2"},
		{"of=old seek=1 bs=2 conv=notrunc", "ZZ", "xxZZYY", "1+0 1+0", "2"},
		{"of=old bs=1k seek=1 count=0", "", "xxZZYY" + strings.Repeat("\x00", 1018), "0+0 0+0", "0"},
		{"of=sparse bs=2 conv=sparse", "a\x00\x00\x00\x00b\x00\x00", "a\x00\x00\x00\x00b\x00\x00", "4+0 4+0", "8"},
		{"if=in of=out bs=2x5b count=1 msgfmt=human", "", strings.Repeat("0123456789", 10), "0+1 0+1", "100"},
	} {
		a := run(t, fs, &tool.Dd{Words: strings.Fields(c.words)}, c.stdin)
		out := a.out
		for w := range strings.FieldsSeq(c.words) {
			if name, ok := strings.CutPrefix(w, "of="); ok {
				out = must(t, fs, &tool.Cat{Paths: []string{name}})
			}
		}
		in, outRecords, _ := strings.Cut(c.records, " ")
		want := in + " records in\n" + outRecords + " records out\n" + c.bytes + timing
		if a.err != nil || out != c.out || !strings.HasPrefix(a.errs, want) {
			t.Errorf("dd %s: %v, output %q, want %q; says %q, want %q", c.words, a.err, out, c.out, a.errs, want)
		}
	}
	if a := run(t, fs, &tool.Dd{Words: []string{"msgfmt=quiet"}}, "x"); a.errs != "" || a.out != "x" {
		t.Errorf("quiet: %+v", a)
	}
	if a := run(t, fs, &tool.Dd{Words: []string{"msgfmt=posix"}}, "x"); a.errs != "0+1 records in\n0+1 records out\n" {
		t.Errorf("posix: %+v", a)
	}
	for _, words := range []string{
		"if=nope", "of=nope/x", "bs=0", "bs=1q", "bs=-1", "bs=1t", "count=x", "odd=1", "if", "conv=odd", "conv=lcase,ucase", "seek=1", "msgfmt=odd",
		"skip=9223372036854775807 if=in", "of=old seek=4611686018427387904",
	} {
		if a := run(t, fs, &tool.Dd{Words: strings.Fields(words)}, ""); a.err == nil {
			t.Errorf("dd %s: no error", words)
		}
	}
}
