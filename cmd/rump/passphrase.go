package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

// passphraseVar names a descriptor, in the environment, that passphrases are read from, one a line, by commands that have
// no option for it.
const passphraseVar = "RUMP_PASSPHRASE_FD"

// A keyring finds the keys of encrypted disks.
type keyring struct {
	ask  func(ctx context.Context, prompt string) ([]byte, error)
	warn func(string)
	once bool // no second try: the answers come from a script

	given [][]byte // keys that were found before this process was started, in the order of their disks
	found [][]byte // keys that this one has found
}

// newKeyring asks on the terminal, or reads a line each from standard input.
func newKeyring(e *env, stdin bool) *keyring {
	k := &keyring{ask: askTerminal, warn: func(s string) { e.warn("%s", s) }}
	if stdin {
		k.readFrom(e.Stdin)
	} else if fd, err := strconv.Atoi(e.Getenv(passphraseVar)); err == nil && fd >= 0 {
		k.readFrom(os.NewFile(uintptr(fd), passphraseVar))
	}
	return k
}

// terminalKeyring is for commands that say nothing about it.
func terminalKeyring() *keyring {
	return newKeyring(&env{Stdin: os.Stdin, Stderr: os.Stderr, Getenv: os.Getenv, prog: "rump"}, false)
}

// readFrom lets a stream answer.
func (k *keyring) readFrom(r io.Reader) {
	k.once = true
	k.ask = func(ctx context.Context, prompt string) ([]byte, error) {
		text, err := untilDone(ctx, func() ([]byte, error) { return readLine(r) })
		if err != nil {
			return nil, fmt.Errorf("no answer to %q: %w", prompt, err)
		}
		return text, nil
	}
}

// untilDone waits for an answer, or for the context to end, which leaves the one who answers alone.
func untilDone(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return nil, errors.New("interrupted")
	}
}

// readLine reads up to the end of a line and no further: what follows is somebody else's.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, 2048) // longer than any passphrase, so that it is not copied about
	for b := make([]byte, 1); len(line) < cap(line); {
		n, err := r.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return line, nil
		case n == 1:
			line = append(line, b[0])
		case err == io.EOF && len(line) > 0:
			return line, nil
		case err == io.EOF:
			return nil, errors.New("end of input")
		case err != nil:
			clear(line)
			return nil, err
		}
	}
	clear(line)
	return nil, errors.New("the line is too long")
}

// askTerminal asks on the terminal of the process, wherever its input comes from, and shows nothing of the answer.
func askTerminal(ctx context.Context, prompt string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("there is no terminal to ask for a passphrase (%w); %s=0 takes it from standard input", errnoOf(err), passphraseVar)
	}
	defer tty.Close()
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	fmt.Fprint(tty, prompt)
	text, err := untilDone(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	fmt.Fprintln(tty)
	if ctx.Err() != nil {
		term.Restore(fd, before) // or the shell would not show what is typed
	}
	if err == io.EOF {
		err = errors.New("no passphrase given")
	}
	return text, err
}

func errnoOf(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}

// key finds the key of a disk, which is to be wiped by the caller.
func (k *keyring) key(ctx context.Context, below blockdev.Device, p *cgd.Params, name string) ([]byte, error) {
	if len(k.given) > 0 {
		key := k.given[0]
		k.given = k.given[1:]
		return key, nil
	}
	maker := &cgd.KeyMaker{Ask: k.ask}
	defer maker.Wipe()
	key, err := cgd.FindKey(ctx, below, p, cgd.OpenOptions{Keys: maker, Name: name, Once: k.once, Warn: k.warn})
	if err != nil {
		return nil, err
	}
	k.found = append(k.found, append([]byte(nil), key...))
	return key, nil
}

// wipe overwrites all keys.
func (k *keyring) wipe() {
	for _, key := range append(k.given, k.found...) {
		clear(key)
	}
	k.given, k.found = nil, nil
}

// readParams reads a parameters file; one that is not there is looked for in /etc/cgd.
func readParams(path string, warn func(string)) (*cgd.Params, error) {
	p, err := cgd.ReadParams(path)
	if errors.Is(err, os.ErrNotExist) && path[0] != '/' {
		if q, err2 := cgd.ReadParams("/etc/cgd/" + path); !errors.Is(err2, os.ErrNotExist) {
			p, err = q, err2
		}
	}
	if err != nil {
		return nil, err
	}
	for _, w := range p.Warnings {
		warn(path + ": " + w)
	}
	return p, nil
}
