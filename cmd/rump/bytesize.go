package main

import "rump/cmd/rump/bytesize"

// parseSize reads a count of bytes; see bytesize.Parse.
func parseSize(s string, plain int64) (int64, error) { return bytesize.Parse(s, plain) }

// byteSize is a size in bytes on the command line.
type byteSize int64

// UnmarshalText reads it with parseSize.
func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := parseSize(string(text), 1)
	*b = byteSize(n)
	return err
}
