package disklabel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Spec is one step from a disk to a part of it, or to another disk made from it.
type Spec struct{ Kind, Arg string }

// The kinds of step.
const (
	KindMBR   = "MBR"       // argument: number of the slice, 1 to 4, logical ones from 5
	KindGPT   = "GPT"       // argument: number of the entry, from 1
	KindLabel = "DISKLABEL" // argument: letter of the partition
	KindCGD   = "CGD"       // argument: name of the parameters file
)

var kinds = []string{KindLabel, KindMBR, KindGPT, KindCGD}

// String is the step as it is written between percent signs.
func (s Spec) String() string { return s.Kind + ":" + s.Arg }

// ParseSpec splits `file%KIND:arg%KIND:arg%` into the file and its steps. A path without steps is returned whole, even
// if it holds percent signs; one that ends in a step of unknown kind, or with an argument that kind does not take, is
// an error.
func ParseSpec(path string) (file string, specs []Spec, err error) {
	body, ok := strings.CutSuffix(path, "%")
	if !ok {
		return path, nil, nil
	}
	for {
		i := strings.LastIndexByte(body, '%')
		if i <= 0 {
			break
		}
		kind, arg, ok := strings.Cut(body[i+1:], ":")
		if !ok || !isKindWord(kind) {
			break
		}
		s := Spec{kind, arg}
		if err := s.check(); err != nil {
			return "", nil, fmt.Errorf("%s: %w", path, err)
		}
		specs = append(specs, s)
		body = body[:i]
	}
	if specs == nil {
		return path, nil, nil
	}
	slices.Reverse(specs)
	return body, specs, nil
}

func isKindWord(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (s Spec) check() error {
	switch s.Kind {
	case KindLabel:
		if len(s.Arg) != 1 || letterIndex(s.Arg[0]) < 0 {
			return fmt.Errorf("%%%s%%: one letter is wanted", s)
		}
	case KindMBR, KindGPT:
		if n, err := strconv.Atoi(s.Arg); err != nil || n < 1 {
			return fmt.Errorf("%%%s%%: a number from 1 is wanted", s)
		}
	case KindCGD:
		if s.Arg == "" {
			return fmt.Errorf("%%%s%%: a parameters file is wanted", s)
		}
	default:
		return fmt.Errorf("%%%s%%: unknown kind, known are %s", s, strings.Join(kinds, ", "))
	}
	return nil
}

// Resolve follows the leading steps that lie within the disk: a slice, a partition, or a partition of a slice. It
// answers the part and the steps that remain, which concern what is inside the part.
func (t *Table) Resolve(specs []Spec) (Part, []Spec, error) {
	if len(specs) == 0 {
		return Part{}, nil, fmt.Errorf("no partition named")
	}
	for _, s := range specs[:min(2, len(specs))] {
		if err := s.check(); err != nil {
			return Part{}, nil, err
		}
	}
	first, rest := specs[0], specs[1:]
	switch first.Kind {
	case KindLabel:
		p, err := t.Partition(first.Arg[0])
		return p, rest, err
	case KindMBR, KindGPT:
		n, _ := strconv.Atoi(first.Arg) // checked above
		p, err := t.SlicePart(first.Kind, n)
		if err != nil || len(rest) == 0 || rest[0].Kind != KindLabel {
			return p, rest, err
		}
		p, err = t.PartitionIn(*p.Slice, rest[0].Arg[0])
		return p, rest[1:], err
	}
	return Part{}, nil, fmt.Errorf("%%%s%% names no part of a disk", first)
}
