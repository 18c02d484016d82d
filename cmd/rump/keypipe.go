package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// keysVar names the descriptor, in the environment of a detached server, that keys are read from: it has no terminal to
// ask on, so its parent has asked.
const keysVar = "RUMP_KEYS_FD"

// pipe returns a pipe that holds the keys that were found, each after a byte that tells its length. The keys are
// overwritten.
func (k *keyring) pipe() (*os.File, error) {
	defer k.wipe()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	for _, key := range k.found { // far less than a pipe holds
		p := append([]byte{byte(len(key))}, key...)
		_, err = w.Write(p)
		clear(p)
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// takeKeys reads the keys that the parent has found, if there is one that has.
func (k *keyring) takeKeys(e *env) error {
	fd, err := strconv.Atoi(e.Getenv(keysVar))
	if err != nil {
		return nil
	}
	os.Unsetenv(keysVar)
	syscall.CloseOnExec(fd)
	r := os.NewFile(uintptr(fd), "keys")
	if r == nil {
		return fmt.Errorf("%s=%d is no descriptor", keysVar, fd)
	}
	defer r.Close()
	for {
		length := make([]byte, 1)
		if _, err := io.ReadFull(r, length); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		key := make([]byte, length[0])
		if _, err := io.ReadFull(r, key); err != nil {
			return err
		}
		k.given = append(k.given, key)
	}
}
