package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallFFS makes an image with a file system in it and returns its bytes.
func smallFFS(tb testing.TB, path string) []byte {
	tb.Helper()
	if _, errs, code := answering(tb, "", "newfs", "-F", "-s", "1m", path); code != 0 {
		tb.Fatalf("newfs: %s", errs)
	}
	return readAll(tb, path)
}

func readAll(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestEncrypt goes through a life: encrypted, again, with another passphrase, decrypted, again.
func TestEncrypt(t *testing.T) {
	image, params := filepath.Join(t.TempDir(), "d.img"), writeFile(t, "params", passphraseParams)
	plain := smallFFS(t, image)
	var cipher []byte
	for i, c := range []struct {
		command, answers string
		code             int
		errs             string
		encrypted        bool
	}{
		{"decrypt", "x\n", 0, "nothing to do: there is a Fast File System, so it is not encrypted", false},
		{"encrypt", "", 1, `no answer to "`, false},
		{"encrypt", "x\n", 0, "", true},
		{"encrypt", "x\n", 0, "nothing to do: decrypted with this key there is a Fast File System, so it is encrypted already", true},
		{"encrypt", "y\n", 1, "it may be encrypted already; nothing was changed (--force does it all the same)", true},
		{"decrypt", "y\n", 1, "verification failed permanently: verify method ffs: no superblock", true},
		{"decrypt", "x\n", 0, "", false},
		{"decrypt", "x\n", 0, "nothing to do: there is a Fast File System, so it is not encrypted", false},
	} {
		out, errs, code := answering(t, c.answers, "rump", c.command, "-p", "--params", params, image)
		if code != c.code || out != "" || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%d, %s: status %d, %q, errors %q; want %d, %q", i, c.command, code, out, errs, c.code, c.errs)
		}
		now := readAll(t, image)
		if c.encrypted && cipher == nil {
			cipher = now
		}
		want := plain
		if c.encrypted {
			want = cipher
		}
		if !bytes.Equal(now, want) {
			t.Errorf("%d, %s: the image is not what it should be", i, c.command)
		}
		if _, err := os.Stat(image + journalSuffix); err == nil {
			t.Errorf("%d, %s: the journal is still there", i, c.command)
		}
	}
	if bytes.Equal(cipher, plain) {
		t.Error("nothing was encrypted")
	}
}

// TestEncryptElsewhere: from one image into another and out of it into a file.
func TestEncryptElsewhere(t *testing.T) {
	dir := t.TempDir()
	from, image, to, params := filepath.Join(dir, "from"), filepath.Join(dir, "d.img"), filepath.Join(dir, "to"), writeFile(t, "params", passphraseParams)
	plain := smallFFS(t, from)
	if err := os.WriteFile(image, make([]byte, len(plain)+512), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		errs string
	}{
		{"encrypt --from IMAGE FROM", 1, "1049088 bytes do not fit into the 1048576 of"},
		{"encrypt --from FROM IMAGE", 0, ""},
		{"decrypt --to TO IMAGE", 0, ""},
		{"decrypt --to TO IMAGE", 1, "file exists (--force replaces it)"},
		{"decrypt --force --to TO IMAGE", 0, ""},
		{"encrypt --from TO%CGD:x% IMAGE", 1, "x: no such file"},
		{"decrypt --to TO IMAGE%CGD:PARAMS%", 1, "name the disk that is encrypted, and the parameters by --params"},
	} {
		line := strings.NewReplacer("FROM", from, "IMAGE", image, "TO", to, "PARAMS", params).Replace(c.args)
		_, errs, code := answering(t, "x\n", append([]string{"rump"}, strings.Fields(strings.Replace(line, " ", " -p --params "+params+" ", 1))...)...)
		if code != c.code || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s: status %d, errors %q; want %d, %q", c.args, code, errs, c.code, c.errs)
		}
	}
	got := readAll(t, to)
	if len(got) != len(plain)+512 || !bytes.Equal(got[:len(plain)], plain) {
		t.Errorf("%d bytes came out, want those %d that went in and a sector", len(got), len(plain))
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("plain bytes in a file of mode %v", info.Mode())
	}
	if !bytes.Equal(readAll(t, from), plain) {
		t.Error("the source has changed")
	}
}

// TestRandomKeyIsRefused: nobody could make it again.
func TestRandomKeyIsRefused(t *testing.T) {
	image := filepath.Join(t.TempDir(), "d.img")
	plain := smallFFS(t, image)
	for _, method := range []string{"randomkey", "urandomkey"} {
		params := writeFile(t, "params", "algorithm aes-cbc;\nkeygen "+method+";\n")
		_, errs, code := answering(t, "", "rump", "encrypt", "--params", params, image)
		if code != 1 || !strings.Contains(errs, "makes another key each time") || !bytes.Equal(readAll(t, image), plain) {
			t.Errorf("%s: status %d, %s", method, code, errs)
		}
	}
}

// TestHalfEncrypted: an image with a journal beside it is for nobody else.
func TestHalfEncrypted(t *testing.T) {
	image := filepath.Join(t.TempDir(), "d.img")
	smallFFS(t, image)
	if err := os.WriteFile(image+journalSuffix, make([]byte, 512), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"mount -f IMAGE " + t.TempDir(), "info IMAGE", "fsck IMAGE", "newfs IMAGE", "dumpfs IMAGE", "tunefs -N IMAGE", "fsu ls IMAGE"} {
		_, errs, code := answering(t, "", append([]string{"rump"}, strings.Fields(strings.ReplaceAll(line, "IMAGE", image))...)...)
		if code == 0 || !strings.Contains(errs, "was interrupted, says "+image+journalSuffix) {
			t.Errorf("%s: status %d, %s", line, code, errs)
		}
	}
}

// TestCGDSpec: encrypted disks in specifiers, also one in another and with partitions inside.
func TestCGDSpec(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "d.img")
	smallFFS(t, image)
	key := func(name string, fill byte) string {
		text := fmt.Sprintf("algorithm aes-cbc;\nkeygen shell_cmd cmd \"printf %%016d %d\";\n;", fill)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := key("one", 1), key("two", 2)
	for _, params := range []string{one, two} {
		if _, errs, code := answering(t, "", "rump", "encrypt", "--force", "--params", params, image); code != 0 {
			t.Fatalf("encrypt: %s", errs)
		}
	}
	spec := image + "%CGD:" + two + "%CGD:" + one + "%"
	out, errs, code := answering(t, "", "rump", "info", spec)
	if code != 0 || !strings.Contains(out, "rump mount '"+spec+"' DIR") {
		t.Errorf("info: status %d, %s%s", code, out, errs)
	}
	for _, c := range []struct{ spec, want string }{
		{image + "%CGD:" + one + "%", "perhaps the passphrase is wrong"},
		{image + "%CGD:" + dir + "/none%", dir + "/none: no such file"},
		{image + "%CGD:" + image + "%", "d.img: line 1: syntax error at"},
		{image + "%CGD:" + two + "%DISKLABEL:a%", "no partition a: no disk label"},
		{image + "%DISKLABEL:a%CGD:" + two + "%", "no partition a: no disk label"},
	} {
		_, errs, code := answering(t, "", "rump", "fsu", "ls", c.spec)
		if code != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, %s; want %s", c.spec, code, errs, c.want)
		}
	}
}

// TestKeyPipe: keys go from the process that asks to the one that serves.
func TestKeyPipe(t *testing.T) {
	keys := [][]byte{bytes.Repeat([]byte{1}, 64), {2, 3}}
	k := &keyring{found: [][]byte{bytes.Clone(keys[0]), bytes.Clone(keys[1])}}
	held := k.found
	r, err := k.pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if held[0][0] != 0 || k.found != nil {
		t.Error("the keys are still there")
	}
	e := &env{Getenv: func(name string) string {
		if name != keysVar {
			return ""
		}
		return fmt.Sprint(r.Fd())
	}}
	var got keyring
	if err := got.takeKeys(e); err != nil {
		t.Fatal(err)
	}
	for i, want := range keys {
		key, err := got.key(t.Context(), nil, nil, "")
		if err != nil || !bytes.Equal(key, want) {
			t.Errorf("key %d: got %x, %v; want %x", i, key, err, want)
		}
	}
}
