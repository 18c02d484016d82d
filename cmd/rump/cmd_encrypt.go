package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

// convertFlags are what rump encrypt and rump decrypt share.
type convertFlags struct {
	Params  string `required:"" placeholder:"FILE" help:"Parameters file (see rump cgdconfig -g)."`
	Stdin   bool   `short:"p" name:"passphrase-stdin" help:"Read the passphrase from standard input, not from the terminal."`
	Journal string `type:"path" placeholder:"FILE" help:"Where to keep what makes it safe to be killed: some 16 MiB, by default beside the image. It must not be lost before the end."`
	Force   bool   `help:"Do it even if the image does not look as if it needed it."`
	Image   string `arg:"" help:"Image, partition (disk.img%DISKLABEL:e%) or block device."`
}

// encryptCmd encrypts an image in place.
type encryptCmd struct {
	convertFlags
	From string `placeholder:"IMAGE" help:"Take the plain bytes from this image, which stays as it is."`
}

// Help shows examples.
func (encryptCmd) Help() string {
	return `Encrypts an image, or a partition of one, in place, as NetBSD's cgd does. The passphrase is asked for twice. It may be killed, and the power
may fail: the same command again finishes it, with nothing lost. Meanwhile, other commands refuse the image. One that is encrypted
already is left alone; one that may be needs --force.

Examples:
  rump cgdconfig -g -V ffs -o usb.cgdparams aes-xts 512
  rump encrypt --params usb.cgdparams usb.img
  rump encrypt --params usb.cgdparams 'usb.img%DISKLABEL:e%'
  rump encrypt --params usb.cgdparams --from plain.img 'usb.img%DISKLABEL:e%'
  rump mount 'usb.img%DISKLABEL:e%CGD:usb.cgdparams%' ~/mnt`
}

// Run encrypts.
func (c *encryptCmd) Run(ctx context.Context, e *env) error {
	ctx, stop := untilSignal(ctx, true)
	defer stop()
	if c.From == "" {
		return c.convert(ctx, e, false)
	}
	return c.fill(ctx, e)
}

// decryptCmd decrypts an image in place.
type decryptCmd struct {
	convertFlags
	To string `placeholder:"FILE" help:"Write the plain bytes to a new file; the image stays as it is."`
}

// Help shows examples.
func (decryptCmd) Help() string {
	return `Decrypts an image, or a partition of one, in place. It may be killed, and the power may fail: the same command again finishes it, with
nothing lost. A wrong passphrase is noticed where the plain image would hold anything but noise.

Examples:
  rump decrypt --params usb.cgdparams usb.img
  rump decrypt --params usb.cgdparams --to plain.img 'usb.img%DISKLABEL:e%'`
}

// Run decrypts.
func (c *decryptCmd) Run(ctx context.Context, e *env) error {
	ctx, stop := untilSignal(ctx, true)
	defer stop()
	if c.To == "" {
		return c.convert(ctx, e, true)
	}
	return c.extract(ctx, e)
}

// convert changes the image in place.
func (c *convertFlags) convert(ctx context.Context, e *env, decrypt bool) error {
	im, p, err := c.open(e, imageOptions{converting: true})
	if err != nil {
		return err
	}
	defer im.Close()
	defer p.Wipe()
	path, err := c.journalPath(im)
	if err != nil {
		return err
	}
	key, err := c.key(ctx, e, im, p, c.verifyMethod(im, p, path, decrypt))
	if err != nil {
		return err
	}
	defer clear(key)
	journal, err := openJournal(path, im)
	if err != nil {
		return err
	}
	defer journal.Close()
	_, where, _ := im.HostFile()
	bar := e.progress(im.Size(), map[bool]string{false: "encrypting", true: "decrypting"}[decrypt])
	err = cgd.Convert(ctx, im, journal, p.Cipher, key, cgd.ConvertOptions{
		Decrypt: decrypt, Force: c.Force, Where: where, Progress: func(done int64) { bar.Set64(done) },
	})
	bar.Close()
	return c.end(e, journal, path, err)
}

// end deletes the journal unless it is needed to go on, and says how it went.
func (c *convertFlags) end(e *env, journal *journalFile, path string, err error) error {
	if err == nil {
		return os.Remove(path)
	}
	begun := journal.begun()
	if !begun {
		err = errors.Join(err, os.Remove(path))
	}
	var doubt *cgd.DoubtError
	switch {
	case errors.As(err, &doubt):
		return fmt.Errorf("%s: %w; nothing was changed (--force does it all the same)", c.Image, err)
	case errors.Is(err, cgd.ErrDone):
		e.warn("%s: %v", c.Image, err)
		return nil
	case errors.Is(err, context.Canceled) && begun:
		return fmt.Errorf("%s: interrupted: the same command again goes on from here", c.Image)
	case !begun:
		return fmt.Errorf("%s: nothing was changed: %w", c.Image, err)
	}
	return fmt.Errorf("%s: %w", c.Image, err)
}

// open opens the image and reads the parameters.
func (c *convertFlags) open(e *env, o imageOptions) (*image, *cgd.Params, error) {
	if hasCGD(c.Image) {
		return nil, nil, fmt.Errorf("%s: name the disk that is encrypted, and the parameters by --params", c.Image)
	}
	p, err := readParams(c.Params, func(s string) { e.warn("%s", s) })
	if err != nil {
		return nil, nil, err
	}
	for _, g := range p.Keygens {
		if g.Method == "randomkey" || g.Method == "urandomkey" {
			return nil, nil, fmt.Errorf("%s: keygen %s makes another key each time: what it encrypts is lost", c.Params, g.Method)
		}
	}
	im, err := openImage(c.Image, o)
	if err != nil {
		p.Wipe()
		return nil, nil, err
	}
	return im, p, nil
}

// verifyMethod is how the key is found to be right. A new passphrase is typed twice: nobody could read what a mistyped one
// has encrypted. While a conversion is under way, the disk cannot tell; the journal will.
func (c *convertFlags) verifyMethod(im *image, p *cgd.Params, journal string, decrypt bool) string {
	_, err := os.Stat(journal)
	switch resuming := err == nil; {
	case resuming, !decrypt && c.Stdin:
		return "none"
	case !decrypt:
		return "re-enter"
	case cgd.Verify(im, p.Verify) == nil: // nothing to look for, or plain already, which Convert will say
		return "none"
	}
	return p.Verify
}

func (c *convertFlags) key(ctx context.Context, e *env, im *image, p *cgd.Params, verify string) ([]byte, error) {
	k := newKeyring(e, c.Stdin)
	maker := &cgd.KeyMaker{Ask: k.ask}
	defer maker.Wipe()
	key, err := cgd.FindKey(ctx, im, p, cgd.OpenOptions{Keys: maker, Name: c.Image, Verify: verify, Once: k.once, Warn: k.warn})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Image, err)
	}
	return key, nil
}

// journalPath is where the journal is or will be.
func (c *convertFlags) journalPath(im *image) (string, error) {
	if c.Journal != "" {
		return c.Journal, nil
	}
	info, err := os.Stat(im.file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file: say by --journal FILE where the journal is to be, on a disk that survives a restart", im.file)
	}
	return im.file + journalSuffix, nil
}

// A journalFile is the journal of a conversion as a file.
type journalFile struct{ blockdev.Device }

// openJournal opens a journal, or makes one that nobody else may read.
func openJournal(path string, im *image) (*journalFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return nil, err
	}
	dev, err := blockdev.OpenFile(path, blockdev.FileOptions{MinSize: cgd.JournalSize(im)})
	if err != nil {
		return nil, err
	}
	return &journalFile{dev}, nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// begun reports that a conversion has come so far as to change something, or that one cannot know.
func (j *journalFile) begun() bool {
	p := make([]byte, j.SectorSize())
	_, err := j.ReadAt(p, 0)
	return err != nil || !bytes.Equal(p, make([]byte, len(p)))
}

// copyUnit is how many bytes are copied at a time.
const copyUnit = 4 << 20

// fill encrypts the bytes of another image into this one.
func (c *encryptCmd) fill(ctx context.Context, e *env) error {
	from, err := openImage(c.From, imageOptions{readOnly: true})
	if err != nil {
		return err
	}
	defer from.Close()
	im, p, err := c.open(e, imageOptions{})
	if err != nil {
		return err
	}
	defer im.Close()
	defer p.Wipe()
	if from.Size() > im.Size() {
		return fmt.Errorf("%s: %d bytes do not fit into the %d of %s", c.From, from.Size(), im.Size(), c.Image)
	}
	key, err := c.key(ctx, e, im, p, c.verifyMethod(im, p, "", false))
	if err != nil {
		return err
	}
	defer clear(key)
	d, err := cgd.New(im, p.Cipher, key)
	if err != nil {
		return err
	}
	defer d.Detach()
	if from.Size()%int64(im.SectorSize()) != 0 {
		return fmt.Errorf("%s: %d bytes are no whole sectors of %s", c.From, from.Size(), c.Image)
	}
	if err := copyDisk(ctx, e, "encrypting", from, d); err != nil {
		return err
	}
	return d.Flush()
}

// copyDisk copies all of a disk to the beginning of another one.
func copyDisk(ctx context.Context, e *env, what string, from blockdev.Device, to io.WriterAt) error {
	bar := e.progress(from.Size(), what)
	defer bar.Close()
	buf := make([]byte, copyUnit)
	for off := int64(0); off < from.Size(); off += copyUnit {
		if err := ctx.Err(); err != nil {
			return errors.New("interrupted: the copy is not complete")
		}
		p := buf[:min(copyUnit, from.Size()-off)]
		if _, err := from.ReadAt(p, off); err != nil {
			return err
		}
		if _, err := to.WriteAt(p, off); err != nil {
			return err
		}
		bar.Set64(off + int64(len(p)))
	}
	return nil
}

// extract writes the plain bytes of the image to a new file.
func (c *decryptCmd) extract(ctx context.Context, e *env) error {
	im, p, err := c.open(e, imageOptions{readOnly: true})
	if err != nil {
		return err
	}
	defer im.Close()
	defer p.Wipe()
	key, err := c.key(ctx, e, im, p, p.Verify)
	if err != nil {
		return err
	}
	defer clear(key)
	d, err := cgd.New(im, p.Cipher, key)
	if err != nil {
		return err
	}
	defer d.Detach()
	how := os.O_EXCL
	if c.Force {
		how = os.O_TRUNC
	}
	f, err := os.OpenFile(c.To, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w (--force replaces it)", err)
	}
	if err != nil {
		return err
	}
	err = copyDisk(ctx, e, "decrypting", d, sparseFile{f})
	return errors.Join(err, f.Truncate(d.Size()), f.Sync(), f.Close())
}

// sparseFile leaves zeros out of a file that is empty.
type sparseFile struct{ *os.File }

// WriteAt implements io.WriterAt.
func (f sparseFile) WriteAt(p []byte, off int64) (int, error) {
	const unit = 64 << 10
	zeros := make([]byte, unit)
	for at := 0; at < len(p); at += unit {
		part := p[at:min(at+unit, len(p))]
		if bytes.Equal(part, zeros[:len(part)]) {
			continue
		}
		if _, err := f.File.WriteAt(part, off+int64(at)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
