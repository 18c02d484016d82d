package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A userDB turns names of users and groups into numbers, as files of the form of passwd(5) and group(5) have them.
type userDB struct{ users, groups map[string]uint32 }

// User implements tree.Users.
func (d *userDB) User(name string) (uint32, bool) { n, ok := d.users[name]; return n, ok }

// Group implements tree.Users.
func (d *userDB) Group(name string) (uint32, bool) { n, ok := d.groups[name]; return n, ok }

// readUserDB reads the files in a directory; those of the host may be missing.
func readUserDB(dir string) (*userDB, error) {
	isHost := dir == ""
	passwd := []string{"master.passwd", "passwd"}
	if isHost {
		dir, passwd = "/etc", passwd[1:]
	}
	d := &userDB{}
	var err error
	for _, name := range passwd {
		if d.users, err = readNumbers(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil && !(isHost && errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	d.groups, err = readNumbers(filepath.Join(dir, "group"))
	if err != nil && !(isHost && errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	return d, nil
}

// readNumbers reads a file for parseNumbers.
func readNumbers(path string) (map[string]uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseNumbers(f)
}

// parseNumbers reads lines whose first and third fields are a name and its number; the first line of a name counts.
func parseNumbers(r io.Reader) (map[string]uint32, error) {
	ids := map[string]uint32{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		w := strings.Split(s.Text(), ":")
		if len(w) < 3 || w[0] == "" || strings.HasPrefix(w[0], "#") {
			continue
		}
		n, err := strconv.ParseUint(w[2], 10, 32)
		if _, have := ids[w[0]]; err == nil && !have {
			ids[w[0]] = uint32(n)
		}
	}
	return ids, s.Err()
}
