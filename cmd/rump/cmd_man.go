package main

import (
	"context"
	"fmt"
	"slices"
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

// wholeGrammar says that it prints pages of all commands.
func (*manCmd) wholeGrammar() {}

// Run prints the page.
func (m *manCmd) Run(_ context.Context, e *env, k *kong.Kong) error {
	node := k.Model.Node
	words := m.Command
	if len(words) == 1 {
		if sub, ok := applets[words[0]]; ok {
			words = slices.DeleteFunc(strings.Fields(sub), func(w string) bool { return w[0] == '-' })
		}
	}
	if len(words) == 2 && (words[0] == "fsu" || words[0] == "remote") {
		return m.tool(e, words[0], words[1])
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
	_, err := fmt.Fprint(e.Stdout, man.Build(document{roff.NewDocument()}))
	return err
}

// A document is a page in the making. What it is made with takes text for a format.
type document struct{ *roff.Document }

// Text adds text.
func (d document) Text(s string) { d.Document.Text(percents(s)) }

// TextBold adds bold text.
func (d document) TextBold(s string) { d.Document.TextBold(percents(s)) }

// TextItalic adds slanted text.
func (d document) TextItalic(s string) { d.Document.TextItalic(percents(s)) }

func percents(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// tool prints the page of a file tool.
func (m *manCmd) tool(e *env, where, name string) error {
	t := toolNamed(name)
	if t == nil {
		return fmt.Errorf("no command %q", strings.Join(m.Command, " "))
	}
	line := &toolLine{name: map[string]string{"fsu": "fsu_", "remote": "rump."}[where] + name, about: t.help}
	if where == "fsu" {
		line.front = fsuUsage
	}
	node, err := line.page(e, t)
	if err != nil {
		return err
	}
	node.Name = line.name
	man := mangokong.NewManPage(1, &kong.Application{Node: node})
	_, err = fmt.Fprint(e.Stdout, man.Build(document{roff.NewDocument()}))
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
