package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering runs one command line with lines on standard input.
func answering(tb testing.TB, answers string, argv ...string) (stdout, stderr string, code int) {
	tb.Helper()
	var out, errs bytes.Buffer
	e := &env{Stdin: strings.NewReader(answers), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(context.Background(), e, argv)
	return out.String(), errs.String(), code
}

// passphraseParams takes little time for its key.
const passphraseParams = `algorithm aes-xts;
iv-method encblkno1;
keylength 256;
verify_method ffs;
keygen pkcs5_pbkdf2/sha1 {
        iterations 20;
        salt AAAAgAABAgMEBQYHCAkKCwwNDg8=;
};
`

func writeFile(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestCgdconfig(t *testing.T) {
	params := writeFile(t, "params", passphraseParams)
	random := writeFile(t, "random", "algorithm aes-cbc;\nkeygen randomkey;\n")
	bad := writeFile(t, "bad", "algorithm aes-cbc;\nkeylength 128\niv-methods x;\n")
	odd := writeFile(t, "odd", "algorithm aes-cbc;\nverify_method zfs;\nkeygen randomkey;\n")
	for _, c := range []struct {
		args, answers string
		code          int
		out, errs     string // what they contain; "" is nothing at all
	}{
		{"-g -k storedkey aes-cbc", "", 0, "algorithm aes-cbc;\niv-method encblkno1;\nkeylength 128;\nverify_method none;\nkeygen storedkey key AAAAg", ""},
		{"-g -i encblkno8 -V ffs -b 64 -k randomkey blowfish-cbc 448", "", 0, "algorithm blowfish-cbc;\niv-method encblkno8;\nkeylength 448;\nblocksize 64;\nverify_method ffs;\nkeygen randomkey;\n", ""},
		{"-gv -k urandomkey adiantum", "", 0, "keygen urandomkey;\n", "    with alg adiantum keylen 256 ivmethod encblkno1\n"},
		{"-g", "", 1, "", "wrong number of args"},
		{"-g aes-cbc 128 1", "", 1, "", "wrong number of args"},
		{"-g aes-cbc many", "", 1, "", `failed to parse key length "many"`},
		{"-g aes-gcm", "", 1, "", `unknown algorithm "aes-gcm", known are aes-cbc, aes-xts, adiantum, 3des-cbc, blowfish-cbc`},
		{"-g -k dice aes-cbc", "", 1, "", `unknown key generation method "dice", known are pkcs5_pbkdf2/sha1,`},
		{"-g -V zfs aes-cbc", "", 1, "", `unknown verify method "zfs", known are none,`},
		{"-g -b 128 3des-cbc", "", 1, "", "3des-cbc has blocks of 64 bits, not of 128"},
		{"-g -G aes-cbc", "", 1, "", "Try 'cgdconfig --help'."},
		{"cgd0 disk.img", "", 1, "", "no action: want -g, -G, -t or --print"},
		{"--print PARAMS", "", 0, passphraseParams, ""},
		{"--print ODD", "", 0, "verify_method none;\n", `unrecognized verify method "zfs"`},
		{"--print BAD", "", 1, "", "bad: line 3: syntax error at 'iv-methods': want algorithm,"},
		{"--print /nowhere/params", "", 1, "", "cgdconfig: /nowhere/params: no such file or directory"},
		{"-tp PARAMS", "netbsd\n", 0, "AAABA", ""},
		{"-tp PARAMS", "netbsd", 0, "AAABA", ""},
		{"-tp PARAMS", "", 1, "", "params: line 5: no answer to \""},
		{"-tp PARAMS", strings.Repeat("x", 1024), 1, "", "the passphrase is longer than 1023 bytes"},
		{"-tp PARAMS", strings.Repeat("x", 4096), 1, "", "the line is too long"},
		{"-G -k storedkey RANDOM", "", 1, "", "random: can't preserve randomly generated key"},
		{"-Gp -k storedkey PARAMS", "netbsd\n", 0, "keygen storedkey key", ""},
	} {
		argv := append([]string{"cgdconfig"}, strings.Fields(strings.NewReplacer("PARAMS", params, "RANDOM", random, "BAD", bad, "ODD", odd).Replace(c.args))...)
		out, errs, code := answering(t, c.answers, argv...)
		if code != c.code || !strings.Contains(out, c.out) || c.out == "" && out != "" || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("cgdconfig %s: status %d, %q, errors %q; want %d, %q, %q", c.args, code, out, errs, c.code, c.out, c.errs)
		}
	}
}

// TestCgdconfigRekey: the same key by the new file, here without a passphrase; files are private, and the old one stays whole.
func TestCgdconfigRekey(t *testing.T) {
	params := writeFile(t, "params", passphraseParams)
	want, _, _ := answering(t, "old\n", "cgdconfig", "-tp", params)
	if err := os.Chmod(params, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(params, link); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := answering(t, "old\n", "cgdconfig", "-Gp", "-k", "storedkey", "-o", link, params); code != 0 {
		t.Fatalf("-G: status %d, %s", code, errs)
	}
	info, err := os.Stat(params)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has become a file: %v, %v", info.Mode(), err)
	}
	got, errs, code := answering(t, "", "cgdconfig", "-t", params)
	if got != want || code != 0 {
		t.Errorf("key by the new file: %q, status %d, %s; want %q", got, code, errs, want)
	}
	if _, errs, code := answering(t, "", "cgdconfig", "-g", "-k", "storedkey", "-o", filepath.Join(t.TempDir(), "none", "x"), "aes-cbc"); code != 1 || !strings.Contains(errs, "could not write outfile: ") {
		t.Errorf("into a directory that is not there: status %d, %s", code, errs)
	}
}
