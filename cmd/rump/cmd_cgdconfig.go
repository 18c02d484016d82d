package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rump/cgd"
)

// cgdconfigCmd is the part of cgdconfig(8) that works on parameters files.
type cgdconfigCmd struct {
	Generate   bool `short:"g" xor:"action" help:"Make a parameters file: ALGORITHM [KEYLENGTH]."`
	Regenerate bool `short:"G" xor:"action" help:"Make a parameters file for the same key and another passphrase: PARAMSFILE."`
	ShowKey    bool `short:"t" xor:"action" help:"Print the key that the parameters make, in base64: PARAMSFILE."`
	Print      bool `xor:"action" help:"Check a parameters file and print what it says in full: PARAMSFILE."`

	IVMethod  string   `short:"i" name:"ivmethod" placeholder:"METHOD" help:"How sector numbers become initialisation vectors (encblkno1)."`
	Keygen    []string `short:"k" name:"kgmethod" sep:"none" placeholder:"METHOD" help:"How the key is made (pkcs5_pbkdf2/sha1); more than one are XORed."`
	Verify    string   `short:"V" name:"vmeth" placeholder:"METHOD" help:"How a key is found to be right (none)."`
	BlockSize int      `short:"b" name:"blocksize" placeholder:"BITS" help:"Bits of a cipher block, which the algorithm has settled."`
	Out       string   `short:"o" name:"outfile" type:"path" placeholder:"FILE" help:"Write the file there, not to standard output."`
	Stdin     bool     `short:"p" name:"passphrase-stdin" help:"Read passphrases from standard input, one a line."`
	NoWrite   bool     `short:"n" hidden:"" help:"Accepted; no device is configured here."`
	Verbose   int      `short:"v" type:"counter" help:"Say what the parameters are."`

	Args []string `arg:"" optional:"" name:"argument" help:"What the action wants."`
}

// Help shows examples.
func (cgdconfigCmd) Help() string {
	return `Makes and changes parameters files, which say how a disk is encrypted and how its key is made, in the format of NetBSD's
cgdconfig(8). An encrypted image is then named 'disk.img%CGD:paramsfile%' wherever an image is wanted.

  Algorithms      ` + strings.Join(cgd.Algorithms(), ", ") + `
  Key generation  ` + strings.Join(cgd.KeygenMethods(), ", ") + `
  Verification    ` + strings.Join(cgd.VerifyMethods(), ", ") + `

The passphrase of -g is chosen when the disk is first used: by rump encrypt, which asks twice. The iterations are measured so that a key
takes two seconds of processor time. A file that is written has mode 0600; without it, and without a copy, the disk is lost.

Passphrases are asked for on the terminal. RUMP_PASSPHRASE_FD=N in the environment has any command read them from descriptor N instead,
one a line, and not ask again after a wrong one.

Examples:
  rump cgdconfig -g -V ffs -o usb.cgdparams aes-xts 512
  rump cgdconfig -g -k argon2id -k storedkey -o usb.cgdparams adiantum
  rump cgdconfig -G -o new.cgdparams usb.cgdparams
  rump newfs -F -s 100m disk.img && rump encrypt --params usb.cgdparams disk.img
  rump mount 'disk.img%CGD:usb.cgdparams%' ~/mnt`
}

// Run does what the one action says.
func (c *cgdconfigCmd) Run(ctx context.Context, e *env) error {
	ctx, stop := untilSignal(ctx, true)
	defer stop()
	switch {
	case c.Generate:
		return c.generate(ctx, e)
	case c.Regenerate:
		return c.regenerate(ctx, e)
	case c.ShowKey:
		return c.showKey(ctx, e)
	case c.Print:
		return c.print(e)
	}
	return errors.New("no action: want -g, -G, -t or --print; an encrypted image needs no configuration, it is named 'disk.img%CGD:paramsfile%'")
}

// args checks the number of arguments.
func (c *cgdconfigCmd) args(least, most int) error {
	if n := len(c.Args); n < least || n > most {
		return fmt.Errorf("wrong number of args: %d, see --help", n)
	}
	return nil
}

func (c *cgdconfigCmd) options(e *env) cgd.GenerateOptions {
	return cgd.GenerateOptions{
		Cipher: cgd.Cipher{IVMethod: c.IVMethod, BlockSize: c.BlockSize},
		Verify: c.Verify, Methods: c.Keygen, Tuner: cgd.Tuner{Progress: e.Stderr},
	}
}

func (c *cgdconfigCmd) generate(ctx context.Context, e *env) error {
	if err := c.args(1, 2); err != nil {
		return err
	}
	o := c.options(e)
	o.Algorithm = c.Args[0]
	if len(c.Args) > 1 {
		n, err := strconv.Atoi(c.Args[1])
		if err != nil || n <= 0 {
			return fmt.Errorf("failed to parse key length %q", c.Args[1])
		}
		o.KeyLength = n
	}
	p, err := cgd.Generate(ctx, o)
	if err != nil {
		return err
	}
	return c.write(e, p)
}

func (c *cgdconfigCmd) regenerate(ctx context.Context, e *env) error {
	old, keys, err := c.read(e)
	if err != nil {
		return err
	}
	defer old.Wipe()
	p, err := cgd.Rekey(ctx, old, keys, c.options(e))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return c.write(e, p)
}

// read reads the file that is the one argument.
func (c *cgdconfigCmd) read(e *env) (*cgd.Params, *cgd.KeyMaker, error) {
	if err := c.args(1, 1); err != nil {
		return nil, nil, err
	}
	k := newKeyring(e, c.Stdin)
	p, err := readParams(c.Args[0], k.warn)
	return p, &cgd.KeyMaker{Ask: k.ask}, err
}

func (c *cgdconfigCmd) showKey(ctx context.Context, e *env) error {
	p, keys, err := c.read(e)
	if err != nil {
		return err
	}
	defer p.Wipe()
	key, err := keys.Key(ctx, p, c.Args[0]+"'s passphrase:")
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args[0], err)
	}
	defer clear(key)
	_, err = fmt.Fprintln(e.Stdout, &cgd.Bits{N: p.KeyLength, Data: key})
	return err
}

func (c *cgdconfigCmd) print(e *env) error {
	p, _, err := c.read(e)
	if err != nil {
		return err
	}
	defer p.Wipe()
	return c.write(e, p)
}

// write writes the file to where it is wanted.
func (c *cgdconfigCmd) write(e *env, p *cgd.Params) error {
	defer p.Wipe()
	if c.Verbose > 0 {
		fmt.Fprintf(e.Stderr, "    with alg %s keylen %d ivmethod %s\n", p.Algorithm, p.KeyLength, p.IVMethod)
	}
	if c.Out == "" {
		_, err := p.WriteTo(e.Stdout)
		return err
	}
	if err := writePrivate(c.Out, p); err != nil {
		return fmt.Errorf("could not write outfile: %w", err)
	}
	return nil
}

// writePrivate makes or replaces a file that nobody else may read. At every moment there is the old one or the new one.
func writePrivate(path string, w io.WriterTo) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // a terminal, a pipe
		if err != nil {
			return err
		}
		_, err = w.WriteTo(f)
		return errors.Join(err, f.Close())
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = w.WriteTo(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// usageCode is cgdconfig's own.
func (cgdconfigCmd) usageCode() int { return 1 }
