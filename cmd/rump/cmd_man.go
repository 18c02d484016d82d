package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// manCmd prints a manual page made from the same declarations as the help.
type manCmd struct {
	Command []string `arg:"" optional:"" help:"The command; rump itself if none."`
}

// Help shows examples.
func (manCmd) Help() string {
	return `Prints a manual page in troff's man format.

Examples:
  rump man mount | man -l -
  rump man newfs >/usr/local/share/man/man1/newfs.1`
}

// Run prints the page.
func (m *manCmd) Run(_ context.Context, e *env, k *kong.Kong) error {
	node := k.Model.Node
	words := m.Command
	if len(words) == 1 {
		if sub, ok := applets[words[0]]; ok {
			words = strings.Fields(sub)
		}
	}
	for _, w := range words {
		next := childNamed(node, w)
		if next == nil {
			return fmt.Errorf("no command %q", strings.Join(m.Command, " "))
		}
		node = next
	}
	page := *node
	if node != k.Model.Node {
		page.Name = "rump-" + strings.Join(words, "-")
	}
	man := mangokong.NewManPage(1, &kong.Application{Node: &page})
	_, err := fmt.Fprint(e.Stdout, man.Build(roff.NewDocument()))
	return err
}

func childNamed(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}
