package main

import "testing"

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in    string
		plain int64
		want  int64
	}{
		{"0", 1, 0}, {"1", 1, 1}, {"10", 512, 5120}, {"1k", 512, 1024}, {"14M", 512, 14 << 20}, {"2x512k", 1, 1 << 20},
		{"2x3x4", 1, 24}, {"3b", 1, 1536}, {"1g", 1, 1 << 30}, {"1t", 1, 1 << 40}, {"2w", 1, 16}, {"-1m", 512, -1 << 20},
		{"-4", 512, -2048}, {"0x10", 1, 0}, {"", 1, -1}, {"k", 1, -1}, {"1q", 1, -1}, {"x2", 1, -1}, {"2x", 1, -1},
		{"9t9", 1, -1}, {"99999999t", 1, -1}, {"8388608t", 1, -1}, {"1 k", 1, -1}, {"--1", 1, -1},
	} {
		got, err := parseSize(c.in, c.plain)
		refused := c.want == -1
		if refused != (err != nil) || !refused && got != c.want {
			t.Errorf("parseSize(%q, %d) = %d, %v; want %d", c.in, c.plain, got, err, c.want)
		}
	}
}
