package tool

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"rump/rumpfs/vfs"
)

// Exec runs a program of the host on a copy of a file.
type Exec struct {
	Words []string `arg:"" passthrough:"" help:"Program, its arguments, and the file last."`
}

// Help shows examples.
func (Exec) Help() string {
	return `Copies the file that is the last argument to the host, runs the program on the copy, and copies it back if it was changed. If the program
fails nothing is copied back.

Examples:
  fsu_exec disk.img vi /etc/rc.conf
  fsu_exec disk.img sed -i s/NO/YES/ /etc/rc.conf

Exit status: the program's.`
}

// Run runs the program.
func (x *Exec) Run(ctx context.Context, e *Env) error {
	if len(x.Words) > 0 && x.Words[0] == "--" {
		x.Words = x.Words[1:]
	}
	if len(x.Words) < 2 {
		return usage("want a program and a file")
	}
	path := x.Words[len(x.Words)-1]
	dir, err := os.MkdirTemp("", "fsu-")
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		if !keep {
			os.RemoveAll(dir)
		}
	}()
	copied := filepath.Join(dir, base(path))
	st, err := x.take(ctx, e, path, copied)
	if err != nil {
		e.Warn(path, err)
		return e.Result()
	}
	before, err := e.Host.Stat(ctx, copied, true)
	if err != nil {
		return err
	}
	argv := append(append([]string{}, x.Words[:len(x.Words)-1]...), copied)
	status, err := e.Run(ctx, argv)
	if err != nil {
		return err
	}
	if status != 0 {
		e.Notef("%s: exit status %d, %s stays as it is", argv[0], status, path)
		return Status(status)
	}
	after, err := e.Host.Stat(ctx, copied, true)
	if err != nil {
		e.Warn(copied, err)
		return e.Result()
	}
	if after.file() == before.file() && after.Size == before.Size && after.Mtime == before.Mtime && after.Ctime == before.Ctime {
		return nil
	}
	if err := x.bring(ctx, e, copied, path, &st); err != nil {
		keep = true
		e.Warn(path, err)
		e.Notef("the changed copy is %s", copied)
	}
	return e.Result()
}

// take copies the file to the host, for the user alone.
func (x *Exec) take(ctx context.Context, e *Env, path, copied string) (st Stat, err error) {
	in, err := e.FS.Open(ctx, path, Read, 0)
	if err != nil {
		return st, err
	}
	defer in.Close()
	if st, err = in.Stat(ctx); err != nil {
		return st, err
	}
	if st.Kind != vfs.KindRegular {
		return st, errNotRegular
	}
	out, err := e.Host.Open(ctx, copied, Write|Create|Exclusive, 0o600|st.Mode&0o100)
	if err != nil {
		return st, err
	}
	k := &copier{env: e, buf: make([]byte, copyBuffer)}
	return st, cmpOr(k.content(ctx, in, out, &st), out.Close())
}

// bring copies it back into the same file.
func (x *Exec) bring(ctx context.Context, e *Env, copied, path string, st *Stat) error {
	in, err := e.Host.Open(ctx, copied, Read, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	size, err := in.Seek(ctx, 0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := in.Seek(ctx, 0, io.SeekStart); err != nil {
		return err
	}
	out, err := e.FS.Open(ctx, path, Write, 0)
	if err != nil {
		return err
	}
	k := &copier{env: e, buf: make([]byte, copyBuffer)}
	_, err = k.run(ctx, in, out, -1, false)
	if err == nil {
		err = out.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: size})
	}
	return cmpOr(err, out.Close())
}
