package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"rump/sysproxy/client"
)

// dialServer connects to the server that the environment names, as the program that was called.
func dialServer(ctx context.Context, e *env) (*client.Client, error) {
	c, err := client.DialEnv(ctx, e.Getenv, e.clientOptions())
	if errors.Is(err, client.ErrNoServer) {
		return nil, fmt.Errorf("%w: say where the server is, export RUMP_SERVER=unix://PATH", err)
	}
	return c, explainDial(e.Getenv("RUMP_SERVER"), err)
}

// dialURL connects to a server that is named.
func dialURL(ctx context.Context, e *env, url string) (*client.Client, error) {
	c, err := client.Dial(ctx, url, e.clientOptions())
	return c, explainDial(url, err)
}

// explainDial says what a failed connection means.
func explainDial(url string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no server has been started there: %w", url, syscall.ENOENT)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: the server is gone: %w", url, syscall.ECONNREFUSED)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: the server is another user's: %w", url, syscall.EACCES)
	}
	return fmt.Errorf("%s: %w", url, err)
}

// clientOptions name the program to the server as a genuine one would be named: rump.ls is ls.
func (e *env) clientOptions() client.Options {
	words := strings.Fields(e.prog)
	name := "rump"
	if len(words) > 0 {
		name = strings.TrimPrefix(filepath.Base(words[len(words)-1]), "rump.")
	}
	return client.Options{Program: name, Warn: func(s string) { fmt.Fprintln(e.Stderr, s) }}
}

// text is the string in a value that ends with a NUL.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.TrimRight(string(b), "\n")
}
