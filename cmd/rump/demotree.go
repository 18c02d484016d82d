package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// makeDemoTree makes a tree with what a copy can get wrong: sizes around blocks, a hole, links, long names, modes and dates.
func makeDemoTree(dir string) error {
	date := time.Date(2011, 3, 11, 14, 49, 0, 123456789, time.UTC)
	text := bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\n"), 200_000)
	for i := range 300 {
		sub := filepath.Join(dir, fmt.Sprintf("dir%02d", i%20), "deep", "deeper")
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		name := filepath.Join(sub, fmt.Sprintf("file%03d", i))
		if err := os.WriteFile(name, text[:i*i], 0o600|fs.FileMode(i%8)); err != nil {
			return err
		}
		if err := os.Chtimes(name, date, date.Add(time.Duration(i)*time.Hour)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "big"), text, 0o640); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, strings.Repeat("n", 255)), text[:1], 0o444); err != nil {
		return err
	}
	if err := os.Link(filepath.Join(dir, "big"), filepath.Join(dir, "same")); err != nil {
		return err
	}
	for name, target := range map[string]string{"short": "big", "long": strings.Repeat("x/../", 100) + "big"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, "hole"))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte("end"), 40<<20); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// compareTrees returns how many files of want have an equal in got; a difference is an error.
func compareTrees(want, got string) (n int, err error) {
	err = filepath.WalkDir(want, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		n++
		return compareFile(path, filepath.Join(got, rel))
	})
	return n, err
}

func compareFile(want, got string) error {
	w, err := os.Lstat(want)
	if err != nil {
		return err
	}
	g, err := os.Lstat(got)
	if err != nil {
		return err
	}
	ws, gs := w.Sys().(*syscall.Stat_t), g.Sys().(*syscall.Stat_t)
	switch {
	case w.Mode() != g.Mode():
		return fmt.Errorf("%s: mode %v, want %v", got, g.Mode(), w.Mode())
	case !w.IsDir() && w.Size() != g.Size():
		return fmt.Errorf("%s: size %d, want %d", got, g.Size(), w.Size())
	case !w.IsDir() && ws.Nlink != gs.Nlink:
		return fmt.Errorf("%s: %d links, want %d", got, gs.Nlink, ws.Nlink)
	case !w.ModTime().Equal(g.ModTime()):
		return fmt.Errorf("%s: time %v, want %v", got, g.ModTime(), w.ModTime())
	}
	switch {
	case w.Mode()&fs.ModeSymlink != 0:
		return compareLinks(want, got)
	case w.Mode().IsRegular():
		if gs.Blocks*512 > w.Size()/2+1<<20 && ws.Blocks*512 < w.Size()/2 {
			return fmt.Errorf("%s: %d blocks, the hole is lost", got, gs.Blocks)
		}
		return compareBytes(want, got)
	}
	return nil
}

func compareLinks(want, got string) error {
	w, err := os.Readlink(want)
	if err != nil {
		return err
	}
	g, err := os.Readlink(got)
	if err == nil && w != g {
		err = fmt.Errorf("%s: points to %q, want %q", got, g, w)
	}
	return err
}

func compareBytes(want, got string) error {
	w, err := os.ReadFile(want)
	if err != nil {
		return err
	}
	g, err := os.ReadFile(got)
	if err == nil && !bytes.Equal(w, g) {
		err = fmt.Errorf("%s: other bytes", got)
	}
	return err
}
