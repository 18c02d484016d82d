package main

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
)

// tried is what a line prints and the error that reading it gives, by the grammar of another line.
func tried(t *testing.T, grammarOf []string, line ...string) (out string, err error) {
	t.Helper()
	var b bytes.Buffer
	e := &env{Stdout: &b, Stderr: &b, Getenv: func(string) string { return "" }}
	k, err := newParser(e, grammarOf)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, ok := recover().(stopped); ok {
			out = b.String()
		}
	}()
	_, err = k.Parse(line)
	return b.String(), err
}

// TestNarrow: a command's help and errors are the same whether the others are described or not.
func TestNarrow(t *testing.T) {
	k, err := kong.New(new(cli), kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range k.Model.Children {
		for _, name := range append([]string{n.Name}, n.Aliases...) {
			narrow := []string{name}
			if g := grammar(narrow); name != "man" && (reflect.TypeOf(g) == reflect.TypeFor[*cli]()) {
				t.Errorf("%s describes all commands", name)
			}
			for _, rest := range []string{"--help", "--no-such-flag", "-\x01", "--version", ""} {
				line := []string{name, rest}
				wantOut, wantErr := tried(t, nil, line...)
				out, err := tried(t, narrow, line...)
				if out != wantOut || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
					t.Errorf("%q: %v\n%s\nwith all commands described: %v\n%s", line, err, out, wantErr, wantOut)
				}
			}
		}
	}
	for _, line := range [][]string{nil, {"--help"}, {"man"}, {"nosuch"}, {""}, {"help"}} {
		if reflect.TypeOf(grammar(line)) != reflect.TypeFor[*cli]() {
			t.Errorf("%q does not describe all commands", line)
		}
	}
}
