package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"rump/netbsd"
	"rump/sysproxy/client"
)

// sysctlCmd shows and changes settings.
type sysctlCmd struct {
	All      bool   `short:"a" help:"Show everything that can be shown."`
	Tables   bool   `short:"A" help:"Show everything, also what has no way of being shown."`
	Describe bool   `short:"d" help:"Say what each setting is instead of its value."`
	Equals   bool   `short:"e" help:"Put an equals sign without spaces between name and value, for -f."`
	File     string `short:"f" type:"existingfile" placeholder:"FILE" help:"Take names and values from a file, one a line."`
	Tree     bool   `short:"M" help:"Show the tree: numbers, kinds and sizes."`
	Value    bool   `short:"n" help:"Show values without names."`
	Quiet    bool   `short:"q" help:"Say nothing about what does not exist or has not changed."`
	Raw      bool   `short:"r" help:"Show values as the bytes that they are."`
	Write    bool   `short:"w" help:"Names come with values to set, name=value."`
	Hex      int    `short:"x" type:"counter" help:"Show numbers in base 16; twice, everything as bytes."`

	Names []string `arg:"" optional:"" name:"name" help:"Settings, or groups of them; name=value sets one, name?=value only if it exists."`
}

// Help shows examples.
func (sysctlCmd) Help() string {
	return `Shows and changes the settings of the rump kernel that RUMP_SERVER names.

Examples:
  rump.sysctl kern.hostname
  rump.sysctl -a
  rump.sysctl -d vfs
  rump.sysctl -w kern.hostname=wall`
}

// Run shows or sets each name.
func (s *sysctlCmd) Run(ctx context.Context, e *env) error {
	names := s.Names
	if s.File != "" {
		more, err := readLines(s.File)
		if err != nil {
			return err
		}
		names = append(names, more...)
	}
	everything := s.All || s.Tables || s.Tree && len(names) == 0
	if len(names) == 0 && !everything {
		return errors.New("a name is wanted, or -a for everything")
	}
	c, err := dialServer(ctx, e)
	if err != nil {
		return err
	}
	defer c.Close()
	p := &sysctlPrinter{c: c, cmd: s, out: bufio.NewWriter(e.Stdout)}
	var errs []error
	if everything {
		errs = append(errs, p.tree(sysctlNode{SysctlNode: netbsd.SysctlNode{Flags: netbsd.CTLTYPE_NODE}}))
	} else {
		for _, name := range names {
			errs = append(errs, p.one(name))
		}
	}
	errs = append(errs, p.out.Flush())
	return e.reportAll(errs)
}

// reportAll prints all errors but the last, which it returns.
func (e *env) reportAll(errs []error) error {
	var last error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if last != nil {
			e.warn("%s", message(last))
		}
		last = err
	}
	return last
}

// readLines reads the lines of a file, without comments and empty ones.
func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list, s.Err()
}

// A sysctlNode is a node with its whole name.
type sysctlNode struct {
	netbsd.SysctlNode
	name string
	mib  client.Mib
}

// levels are the words for places in a name.
var levels = []string{"top", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"}

// find finds a node by its name. An error says which part is wrong.
func (p *sysctlPrinter) find(name string) (sysctlNode, error) {
	n := sysctlNode{SysctlNode: netbsd.SysctlNode{Flags: netbsd.CTLTYPE_NODE}}
	for i, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' }) {
		wrong := fmt.Errorf("%s level name '%s' in '%s' is invalid", levels[min(i, len(levels)-1)], part, name)
		if n.Type() != netbsd.CTLTYPE_NODE {
			return n, wrong
		}
		list, err := p.below(n)
		if err != nil {
			return n, err
		}
		found := false
		for _, child := range list {
			if child.Name == part || fmt.Sprint(child.Num) == part {
				n, found = child, true
				break
			}
		}
		if !found {
			return n, wrong
		}
	}
	return n, nil
}

// below are the nodes of a group. Those of user are the library's, not the kernel's.
func (p *sysctlPrinter) below(n sysctlNode) ([]sysctlNode, error) {
	var nodes []netbsd.SysctlNode
	if n.name == "user" {
		nodes = userNodes()
	} else {
		var err error
		if nodes, err = p.c.SysctlQuery(n.mib); err != nil {
			return nil, err
		}
	}
	list := make([]sysctlNode, len(nodes))
	for i, child := range nodes {
		list[i] = sysctlNode{child, strings.TrimPrefix(n.name+"."+child.Name, "."), append(n.mib[:len(n.mib):len(n.mib)], child.Num)}
	}
	return list, nil
}

// one shows or sets what one argument means.
func (p *sysctlPrinter) one(arg string) error {
	name, value, set := strings.Cut(arg, "=")
	name, mayMiss := strings.CutSuffix(name, "?")
	n, err := p.find(name)
	switch {
	case err != nil && (p.cmd.Quiet || set && mayMiss):
		if p.cmd.Quiet && !mayMiss {
			return exit(1, nil)
		}
		return nil
	case err != nil:
		return err
	case set:
		return p.set(n, value)
	case p.cmd.Write:
		return fmt.Errorf("%s: no new value is given", name)
	}
	return p.tree(n)
}

// tree shows a node, or all below it.
func (p *sysctlPrinter) tree(n sysctlNode) error {
	if n.Type() != netbsd.CTLTYPE_NODE {
		return p.show(n)
	}
	if p.cmd.Tree && n.name != "" {
		p.showNode(n)
	}
	list, err := p.below(n)
	if err != nil {
		if p.cmd.All || p.cmd.Tables || errors.Is(err, netbsd.ENOTDIR) {
			return nil
		}
		return fmt.Errorf("%s: %w", n.name, err)
	}
	if p.cmd.Describe {
		if err := p.learn(n); err != nil {
			return err
		}
	}
	var errs []error
	for _, child := range list {
		if child.Flags&netbsd.CTLFLAG_HIDDEN != 0 && !p.cmd.Tables {
			continue
		}
		errs = append(errs, p.tree(child))
	}
	return errors.Join(errs...)
}
