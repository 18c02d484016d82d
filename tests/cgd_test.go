package tests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rump/cgd"
	"rump/ffs"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// goldenPassphrases are those of the golden images that have one.
var goldenPassphrases = map[string]string{"cgd-aes256-pbkdf2": "correct horse"}

// openGolden opens a golden image that a genuine kernel has encrypted.
func openGolden(tb testing.TB, name string) (*cgd.Disk, *blockdev.Memory) {
	tb.Helper()
	p, err := cgd.ReadParams(filepath.Join(golden.Dir(tb), name+".conf"))
	if err != nil {
		tb.Fatal(err)
	}
	below := golden.Load(tb, name)
	keys := &cgd.KeyMaker{Ask: func(context.Context, string) ([]byte, error) { return []byte(goldenPassphrases[name]), nil }}
	d, err := cgd.Open(tb.Context(), below, p, cgd.OpenOptions{Keys: keys, Verify: "ffs", Once: true})
	if err != nil {
		tb.Fatal(err)
	}
	return d, below
}

// TestGoldenCGD decrypts file systems of a genuine kernel, compares their trees with its manifests, and encrypts them
// to the same bytes again. One has a key of a million iterations.
func TestGoldenCGD(t *testing.T) {
	for _, name := range golden.Names(t, "cgd-*") {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && goldenPassphrases[name] != "" {
				t.Skip("takes a second of processor time for the key")
			}
			d, below := openGolden(t, name)
			p, err := os.ReadFile(filepath.Join(golden.Dir(t), name+".conf"))
			if err != nil {
				t.Fatal(err)
			}
			if params, err := cgd.ParseParams(p); err != nil || params.String() != string(p) {
				t.Errorf("the parameters print as\n%s%v\nwant\n%s", params, err, p)
			}
			fs, err := ffs.Mount(t.Context(), d, ffs.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, fs, golden.LoadManifest(t, name))

			plain := make([]byte, d.Size())
			if _, err := d.ReadAt(plain, 0); err != nil {
				t.Fatal(err)
			}
			encrypted := below.Bytes()
			if _, err := d.WriteAt(plain, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(below.Bytes(), encrypted) {
				t.Error("encrypted again, it has changed")
			}
			for word, b := range map[string][]byte{"encrypted": encrypted, "decrypted": plain} {
				sum := sha256.Sum256(b)
				if line := word + "\t" + hex.EncodeToString(sum[:]); !strings.Contains(golden.Text(t, name+".sha256.txt"), line) {
					t.Errorf("%s: not the sum of the genuine one", line)
				}
			}
			if err := fs.Unmount(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// passphraseParams takes little time for its key.
const passphraseParams = "algorithm %s;\nverify_method ffs;\nkeygen pkcs5_pbkdf2/sha1 {\niterations 20;\nsalt AAAAgAABAgMEBQYHCAkKCwwNDg8=;\n};\n"

// TestEncryptedMount: an ordinary user makes a file system, encrypts it, fills it through a mount, and finds all there after it is decrypted. The
// passphrase comes from standard input, and once from a terminal.
func TestEncryptedMount(t *testing.T) {
	for _, alg := range []string{"aes-xts", "adiantum"} {
		a := newActor(t)
		a.write("params", fmt.Sprintf(passphraseParams, alg))
		a.newImage("-O", "2", "-s", "24m")
		a.shell("echo secret | $RUMP encrypt -p --params params d.img")
		if out := a.run("rump", "info", "d.img"); !strings.Contains(out, "nothing known here") {
			t.Errorf("info on the encrypted image: %s", out)
		}
		a.shell("! echo wrong | $RUMP mount -p 'd.img%CGD:params%' mnt 2>err && grep -q 'verification failed permanently: verify method ffs' err")
		a.shell("echo secret | $RUMP mount -p 'd.img%CGD:params%' mnt")
		a.shell("mkdir -p mnt/dir/deep && head -c 3000000 /dev/urandom > mnt/dir/deep/file && for i in 1 2 3; do echo $i > mnt/dir/$i; done; cp -a mnt/dir copy")
		a.run("rump", "umount", "mnt")
		a.shell("echo secret | RUMP_PASSPHRASE_FD=0 $RUMP fsck -n -f 'd.img%CGD:params%'")
		if _, err := exec.LookPath("script"); err == nil {
			out := a.shell("(sleep 1; echo bad; sleep 1; echo secret) | script -qec \"$RUMP mount -o ro 'd.img%CGD:params%' mnt\" /dev/null; diff -r copy/ mnt/dir/")
			if strings.Count(out, "d.img's passphrase:") != 2 || !strings.Contains(out, "verification failed, please reenter passphrase") {
				t.Errorf("on a terminal: %q", out)
			}
			a.run("rump", "umount", "mnt")
		} else {
			missing(t, "no script (Debian package bsdutils)")
		}
		a.shell("echo secret | $RUMP decrypt -p --params params d.img")
		a.run("rump", "mount", "d.img", "mnt")
		a.shell("diff -r copy/ mnt/dir/")
		a.run("rump", "umount", "mnt")
		a.run("rump", "fsck", "-n", "-f", "d.img")
	}
}

// write makes a file in the actor's directory.
func (a *actor) write(name, text string) {
	a.tb.Helper()
	if err := os.WriteFile(a.path(name), []byte(text), 0o644); err != nil {
		a.tb.Fatal(err)
	}
}

// shell runs a script, in which $RUMP is the program under test, and returns what it printed.
func (a *actor) shell(script string) string {
	a.tb.Helper()
	return a.run("sh", "-ec", "RUMP="+a.exe+"; "+script)
}

// TestEncryptKilled kills rump encrypt and rump decrypt at random moments, again and again, until they are through: no sector is lost.
func TestEncryptKilled(t *testing.T) {
	exe, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	image, params := filepath.Join(dir, "d.img"), filepath.Join(dir, "params")
	// A key that is no secret, so that there is time for the work.
	if err := os.WriteFile(params, []byte("algorithm 3des-cbc;\nkeygen shell_cmd cmd \"printf %024d 1\";\n;"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("some text, 32 bytes of it, again"), 20<<20/32)
	for i := range len(plain) / 512 {
		copy(plain[i*512:], fmt.Sprint(i, "   "))
	}
	if err := os.WriteFile(image, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	before := sum(t, image)
	kills := 0
	for _, command := range []string{"encrypt", "decrypt"} {
		for try := 0; ; try++ {
			cmd := exec.Command(exe, command, "--params", params, image)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rand.Int64N(int64(400*time.Millisecond)))+time.Duration(try)*20*time.Millisecond, func() { cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			if cmd.ProcessState.Exited() {
				t.Fatalf("%s: %v\n%s", command, err, out.String())
			}
			kills++
		}
		if changed := sum(t, image) != before; changed != (command == "encrypt") {
			t.Errorf("after %s and %d kills: image is the plain one %t", command, kills, !changed)
		}
	}
	if kills == 0 {
		t.Error("nothing was killed")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left over: %q", left)
	}
	t.Logf("%d kills", kills)
}
