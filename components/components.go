// Package components is the list of what can be put into a rump kernel, by the names of NetBSD's libraries, and puts one
// together.
package components

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A Component is a part of a kernel that is there if it was asked for.
type Component struct {
	Name  string   // of the library, without lib and .so
	Needs []string // others that must be there
	Gives string   // what it gives, for people

	// add puts it into a kernel that has what it needs; nil if there is nothing to do.
	add func(ctx context.Context, m *Machine) error
}

// All is every component, in the order in which they are put in: what one needs comes before it.
func All() []Component {
	return []Component{
		{Name: "rump", Gives: "the kernel itself, always there"},
		{Name: "rumpuser", Gives: "the host's services, always there"},
		{Name: "rumpkern_sysproxy", Gives: "remote system calls, always there"},
		{Name: "rumpvfs", Gives: "file systems: a root in memory, names, mounts", add: addVFS},
		{Name: "rumpvfs_fifofs", Needs: []string{"rumpvfs"}, Gives: "named pipes", add: addFifos},
		{Name: "rumpdev", Gives: "devices"},
		{Name: "rumpdev_disk", Needs: []string{"rumpdev", "rumpvfs"}, Gives: "disks and their labels", add: addDisk},
		{Name: "rumpdev_rnd", Needs: []string{"rumpdev"}, Gives: "random numbers: /dev/random, /dev/urandom", add: addRandom},
		{Name: "rumpfs_ffs", Needs: []string{"rumpvfs"}, Gives: "the Fast File System", add: addFFS},
		{Name: "rumpfs_tmpfs", Needs: []string{"rumpvfs"}, Gives: "file systems in memory", add: addTmpfs},
	}
}

// An UnknownError names a component that there is not, in the words of a server that looks for a library.
type UnknownError struct{ Names []string }

func (e *UnknownError) Error() string {
	last := e.Names[len(e.Names)-1]
	return fmt.Sprintf("failed to load -libraries, last error from %q:\n  lib%s.so: no such component; there are %s", last, Name(last), strings.Join(names(), ", "))
}

// A NeedsError says what a component lacks.
type NeedsError struct {
	Name    string
	Missing []string
}

func (e *NeedsError) Error() string {
	return fmt.Sprintf("%s needs -l%s", e.Name, strings.Join(e.Missing, " -l"))
}

func names() (list []string) {
	for _, c := range All() {
		list = append(list, c.Name)
	}
	return list
}

// Name is the component that a word after -l means: its name, that of the library's file, or a path of it.
func Name(word string) string {
	word = filepath.Base(word)
	if i := strings.Index(word, ".so"); i > 0 {
		word = strings.TrimPrefix(word[:i], "lib")
	}
	return word
}

// Choose finds the components of the given names, in whatever order, each once. *UnknownError; *NeedsError.
func Choose(words []string) ([]Component, error) {
	wanted, known := map[string]bool{}, names()
	var unknown []string
	for _, w := range words {
		if name := Name(w); slices.Contains(known, name) {
			wanted[name] = true
		} else {
			unknown = append(unknown, w)
		}
	}
	if unknown != nil {
		return nil, &UnknownError{unknown}
	}
	var list []Component
	for _, c := range All() {
		if !wanted[c.Name] {
			continue
		}
		var missing []string
		for _, n := range c.Needs {
			if !wanted[n] {
				missing = append(missing, n)
			}
		}
		if missing != nil {
			return nil, &NeedsError{c.Name, missing}
		}
		list = append(list, c)
	}
	return list, nil
}
