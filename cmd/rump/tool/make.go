package tool

import (
	"context"
	"errors"
	"strconv"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/vfs"
)

// Mkdir makes directories.
type Mkdir struct {
	Parents bool        `short:"p" help:"And the directories above, as needed; no error if it is there."`
	Mode    *ModeChange `short:"m" placeholder:"MODE" help:"Mode, octal or symbolic; else 777 less the mask 022."`

	Paths []string `arg:"" help:"Directories."`
}

// Help shows examples.
func (Mkdir) Help() string {
	return `Examples:
  fsu_mkdir disk.img -p /usr/pkg/etc
  fsu_mkdir disk.img -m 1777 /tmp`
}

// Run makes them.
func (m *Mkdir) Run(ctx context.Context, e *Env) error {
	for _, p := range m.Paths {
		if err := m.make(ctx, e, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e.Warn(p, err)
		}
	}
	return e.Result()
}

func (m *Mkdir) make(ctx context.Context, e *Env, path string) error {
	a := vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o777}
	err := e.FS.Make(ctx, path, a)
	if m.Parents {
		if isMissing(err) {
			if err = makeParents(ctx, e.FS, parent(path)); err == nil {
				err = e.FS.Make(ctx, path, a)
			}
		}
		if errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EISDIR) {
			if st, serr := e.FS.Stat(ctx, path, true); serr == nil && st.IsDir() {
				return nil
			}
		}
	}
	if err != nil || m.Mode == nil {
		return err
	}
	return e.FS.SetAttr(ctx, path, false, vfs.SetAttr{Mask: vfs.SetMode, Mode: m.Mode.Apply(0o777, true, fileMask)})
}

// makeParents makes a directory and those above it, as needed.
func makeParents(ctx context.Context, fs FS, path string) error {
	a := vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o777}
	err := fs.Make(ctx, path, a)
	if isMissing(err) && parent(path) != path {
		if err = makeParents(ctx, fs, parent(path)); err == nil {
			err = fs.Make(ctx, path, a)
		}
	}
	if errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

// Ownership is options for whom a new node belongs to.
type Ownership struct {
	Mode  *ModeChange `short:"m" placeholder:"MODE" help:"Mode, octal or symbolic; else 666 less the mask 022."`
	User  string      `short:"u" placeholder:"USER" help:"Owner."`
	Group string      `short:"g" placeholder:"GROUP" help:"Group."`
}

// apply gives a new node what was asked for.
func (o *Ownership) apply(ctx context.Context, e *Env, path string) error {
	var set vfs.SetAttr
	if o.Mode != nil {
		set.Mask, set.Mode = vfs.SetMode, o.Mode.Apply(0o666, false, fileMask)
	}
	ids, err := e.parseOwner(o.User, o.Group)
	if err != nil {
		return err
	}
	ids.into(&set)
	if set.Mask == 0 {
		return nil
	}
	return e.FS.SetAttr(ctx, path, false, set)
}

// Mknod makes device nodes.
type Mknod struct {
	Ownership
	Replace     bool   `short:"r" help:"Replace a node that is there and is another."`
	ReplaceSame bool   `short:"R" help:"Replace a node that is there."`
	Format      string `short:"F" enum:"netbsd,native," default:"netbsd" help:"How a device number that is given whole is packed; only netbsd."`

	Name string   `arg:"" help:"The node."`
	Kind string   `arg:"" enum:"b,c,p" help:"b block device, c character device, p fifo."`
	Dev  []string `arg:"" optional:"" help:"Major and minor number, or the packed device number."`
}

// Help shows examples.
func (Mknod) Help() string {
	return `Needs no privilege on the host: the node exists in the image only.

Examples:
  fsu_mknod disk.img /dev/null c 2 2
  fsu_mknod disk.img -m 640 -g 5 /dev/wd0a b 0 0`
}

// Run makes one.
func (m *Mknod) Run(ctx context.Context, e *Env) error {
	a := vfs.CreateAttr{Mode: 0o666, Kind: map[string]vfs.Kind{"b": vfs.KindBlock, "c": vfs.KindChar, "p": vfs.KindFifo}[m.Kind]}
	var err error
	if a.Kind == vfs.KindFifo {
		if len(m.Dev) > 0 {
			return usage("a fifo has no device number")
		}
	} else if a.Rdev, err = parseDevice(m.Dev); err != nil {
		return err
	}
	err = e.FS.Make(ctx, m.Name, a)
	if errors.Is(err, syscall.EEXIST) && (m.Replace || m.ReplaceSame) {
		err = m.replace(ctx, e, a)
	}
	if err == nil {
		err = m.apply(ctx, e, m.Name)
	}
	if err != nil {
		e.Warn(m.Name, err)
	}
	return e.Result()
}

// replace makes the node in place of another.
func (m *Mknod) replace(ctx context.Context, e *Env, a vfs.CreateAttr) error {
	st, err := e.FS.Stat(ctx, m.Name, false)
	if err != nil {
		return err
	}
	if !m.ReplaceSame && st.Kind == a.Kind && st.Rdev == a.Rdev {
		return nil
	}
	if err := e.FS.Remove(ctx, m.Name); err != nil {
		return err
	}
	return e.FS.Make(ctx, m.Name, a)
}

// parseDevice reads a major and a minor number, or both in one.
func parseDevice(words []string) (vfs.Dev, error) {
	var n [2]uint32
	if len(words) == 0 || len(words) > 2 {
		return vfs.Dev{}, usage("want a major and a minor device number")
	}
	for i, w := range words {
		v, err := strconv.ParseUint(w, 0, 32)
		if err != nil {
			return vfs.Dev{}, usage("%s is no device number", w)
		}
		n[i] = uint32(v)
	}
	if len(words) == 1 {
		return vfs.Dev{Major: netbsd.Major(uint64(n[0])), Minor: netbsd.Minor(uint64(n[0]))}, nil
	}
	d := netbsd.MakeDev(n[0], n[1])
	if netbsd.Major(d) != n[0] || netbsd.Minor(d) != n[1] {
		return vfs.Dev{}, usage("device number %s,%s is out of range: majors go to 4095, minors to 1048575", words[0], words[1])
	}
	return vfs.Dev{Major: n[0], Minor: n[1]}, nil
}

// Mkfifo makes fifos.
type Mkfifo struct {
	Mode *ModeChange `short:"m" placeholder:"MODE" help:"Mode, octal or symbolic; else 666 less the mask 022."`

	Paths []string `arg:"" help:"Fifos."`
}

// Help shows examples.
func (Mkfifo) Help() string {
	return `Examples:
  fsu_mkfifo disk.img /var/run/log.pipe`
}

// Run makes them.
func (m *Mkfifo) Run(ctx context.Context, e *Env) error {
	for _, p := range m.Paths {
		err := e.FS.Make(ctx, p, vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o666})
		if err == nil {
			err = (&Ownership{Mode: m.Mode}).apply(ctx, e, p)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.Warn(p, err)
		}
	}
	return e.Result()
}
