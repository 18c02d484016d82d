package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"rump/disklabel"
	"rump/ffs"
)

// infoCmd says what a file holds.
type infoCmd struct {
	JSON  bool   `name:"json" help:"Print one JSON object instead of text."`
	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

// Help shows examples.
func (infoCmd) Help() string {
	return `Says what a file holds: slices, disk label, file systems, clean or not, and the command that mounts each.
Nothing is changed.

Examples:
  rump info disk.img
  rump info --json 'disk.img%DISKLABEL:e%'`
}

// An infoPart is one line of the answer.
type infoPart struct {
	Name    string  `json:"name,omitempty"` // "MBR:1", "DISKLABEL:a"; empty for the file itself
	Type    string  `json:"type,omitempty"` // the table's word for it
	Offset  int64   `json:"offset"`         // bytes
	Size    int64   `json:"size"`           // bytes
	Raw     bool    `json:"raw,omitempty"`  // stands for the whole slice or disk
	Problem string  `json:"problem,omitempty"`
	FS      *infoFS `json:"fs,omitempty"`
}

// infoFS describes a file system.
type infoFS struct {
	Format    string `json:"format"`
	Order     string `json:"order"`
	Bytes     int64  `json:"bytes"`
	BlockSize int32  `json:"bsize"`
	FragSize  int32  `json:"fsize"`
	Label     string `json:"label,omitempty"`
	MountedOn string `json:"mounted_on,omitempty"`
	Clean     bool   `json:"clean"`
	Journal   bool   `json:"journal_to_replay,omitempty"`
	Hazard    string `json:"read_only_because,omitempty"`
	Mount     string `json:"mount"`
}

// infoReport is the whole answer.
type infoReport struct {
	Image   string     `json:"image"`
	Size    int64      `json:"size"`
	Foreign string     `json:"unsupported,omitempty"`
	Parts   []infoPart `json:"parts"`
	Unknown string     `json:"nothing_known_because,omitempty"`
}

// Run prints the report.
func (c *infoCmd) Run(_ context.Context, e *env) error {
	im, err := openImage(c.Image, imageOptions{readOnly: true, noLock: true})
	if err != nil {
		return err
	}
	defer im.Close()
	r := inspect(im)
	if c.JSON {
		enc := json.NewEncoder(e.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	r.print(e.Stdout)
	return nil
}

// inspect looks at the image and at its parts.
func inspect(im *image) infoReport {
	r := infoReport{Image: im.spec, Size: im.Size(), Parts: []infoPart{}}
	info, err := ffs.Probe(im, im.Size())
	if err == nil {
		r.Parts = append(r.Parts, infoPart{Size: im.Size(), FS: describe(info, im.spec)})
	}
	if im.disk {
		r.Foreign = im.table.Foreign
		for _, p := range im.table.Parts() {
			r.Parts = append(r.Parts, im.describePart(p))
		}
	}
	if len(r.Parts) == 0 {
		r.Unknown = err.Error()
	}
	return r
}

func (im *image) describePart(p disklabel.Part) infoPart {
	out := infoPart{Name: p.Name(), Type: p.FSType, Offset: p.Offset, Size: p.Size, Raw: p.Raw, Problem: p.Problem}
	if p.Raw || p.Broken || im.named(p) {
		return out
	}
	if info, err := im.probePart(p); err == nil {
		out.FS = describe(info, im.partSpec(p))
	}
	return out
}

func describe(info ffs.Info, spec string) *infoFS {
	s := info.Super
	mount := "rump mount "
	if info.Hazard != "" {
		mount += "-o ro "
	}
	if strings.ContainsAny(spec, "% '\"$") {
		spec = "'" + strings.ReplaceAll(spec, "'", `'\''`) + "'"
	}
	return &infoFS{
		Format: info.Format, Order: info.Order, Bytes: info.Bytes, BlockSize: s.BSize, FragSize: s.FSize,
		Label: info.Label, MountedOn: s.MountPoint, Clean: info.Clean, Journal: info.Journal, Hazard: info.Hazard,
		Mount: mount + spec + " DIR",
	}
}

func (r *infoReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d bytes\n", r.Image, r.Size)
	if r.Foreign != "" {
		fmt.Fprintf(w, "%s, not supported\n", r.Foreign)
	}
	for _, p := range r.Parts {
		if p.Name != "" {
			fmt.Fprintf(w, "%-12s %-12s offset %-12d size %d", p.Name, p.Type, p.Offset, p.Size)
			if p.Raw {
				fmt.Fprint(w, "  (whole)")
			}
			fmt.Fprintln(w)
		}
		if p.Problem != "" {
			fmt.Fprintf(w, "  %s\n", p.Problem)
		}
		if p.FS != nil {
			p.FS.print(w)
		}
	}
	if r.Unknown != "" {
		fmt.Fprintf(w, "nothing known here: %s\n", r.Unknown)
	}
}

func (f *infoFS) print(w io.Writer) {
	state := "clean"
	switch {
	case f.Journal:
		state = "journal to replay"
	case !f.Clean:
		state = "not clean"
	}
	order := "little-endian"
	if f.Order == "be" {
		order = "big-endian"
	}
	fmt.Fprintf(w, "  %s, %s, %d bytes, block %d, fragment %d, %s", f.Format, order, f.Bytes, f.BlockSize, f.FragSize, state)
	if f.Label != "" {
		fmt.Fprintf(w, ", label %q", f.Label)
	}
	if f.MountedOn != "" {
		fmt.Fprintf(w, ", last mounted on %q", f.MountedOn)
	}
	fmt.Fprintln(w)
	if f.Hazard != "" {
		fmt.Fprintf(w, "  read-only: %s\n", f.Hazard)
	}
	fmt.Fprintf(w, "  %s\n", f.Mount)
}
