package cgd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/cgd"
)

func mustParse(tb testing.TB, text string) *cgd.Params {
	tb.Helper()
	p, err := cgd.ParseParams([]byte(text))
	if err != nil {
		tb.Fatalf("%s\n%v", text, err)
	}
	return p
}

const (
	salt16 = "AAAAgAABAgMEBQYHCAkKCwwNDg8="
	key32  = "AAABAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
)

// printed are files as cgdconfig(8) writes them: they come out as they go in.
var printed = []string{
	`algorithm aes-cbc;
iv-method encblkno1;
keylength 256;
verify_method none;
keygen pkcs5_pbkdf2/sha1 {
        iterations 39361;
        salt AAAAgMoHiYonye6KogdYJAobCHE=;
};
`,
	`algorithm 3des-cbc;
iv-method encblkno8;
keylength 192;
verify_method none;
keygen storedkey key AAAAwMkETbGoFhcUlnWwtym2/uzqTJ \
                     7fSYrZog==;
`,
	`algorithm adiantum;
iv-method encblkno1;
keylength 256;
blocksize 128;
verify_method gpt;
keygen argon2id {
        iterations 32;
        memory 5214;
        parallelism 2;
        version 19;
        salt AAAAgAABAgMEBQYHCAkKCwwNDg8=;
        shared "main key" \
            algorithm hkdf-hmac-sha256 \
            subkey AAAAgAABAgMEBQYHCAkKCwwNDg8=;
};
keygen urandomkey;
keygen randomkey;
`,
	`algorithm aes-xts;
iv-method encblkno1;
keylength 512;
verify_method re-enter;
keygen shell_cmd {
        cmd "gpg -d < key.gpg";
};
keygen storedkey {
        key AAABAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxg \
            ZGhscHR4f;
        shared "a" \
            algorithm hkdf-hmac-sha256 \
            subkey AAABAAABAgMEBQYHCAkKCwwNDg8QERIT \
                   FBUWFxgZGhscHR4f;
};
`,
}

func TestPrint(t *testing.T) {
	for _, text := range printed {
		if got := mustParse(t, text).String(); got != text {
			t.Errorf("got\n%s\nwant\n%s", got, text)
		}
	}
}

// TestParse: what each text means, as the text that it prints.
func TestParse(t *testing.T) {
	const head = "algorithm aes-cbc;\niv-method encblkno1;\nkeylength 128;\nverify_method none;\n"
	for _, c := range []struct{ name, text, want string }{
		{"defaults", "algorithm aes-cbc;\nkeygen randomkey;\n", head + "keygen randomkey;\n"},
		{"newlines end statements", "algorithm aes-cbc\nkeygen randomkey\n\n", head + "keygen randomkey;\n"},
		{"no end of the last line", "algorithm aes-cbc;\nkeygen randomkey;", head + "keygen randomkey;\n"},
		{"returns", "algorithm aes-cbc;\r\nkeygen storedkey \\\r\n key " + salt16 + "\r\n;\r\n\r\n", head + "keygen storedkey key " + salt16 + ";\n"},
		{"blanks and blank lines", "\n;; \talgorithm\taes-cbc ;\n\n keygen  randomkey;\n", head + "keygen randomkey;\n"},
		{"comments", "# all about it\nalgorithm aes-cbc; # fast; keylength 128 # and; # so on\nkeygen randomkey;\n", head + "keygen randomkey;\n"},
		{"a comment holds a statement", "# old; algorithm aes-cbc\nkeygen randomkey;\n", head + "keygen randomkey;\n"},
		{"no comment inside of a word", "algorithm aes-cbc;\nkeygen shell_cmd cmd echo#1;\n;", head + "keygen shell_cmd {\n        cmd \"echo#1\";\n};\n"},
		{"the last one counts", "algorithm blowfish-cbc;\nkeylength 448;\nkeylength 128;\nalgorithm aes-cbc;\nkeygen randomkey;\n", head + "keygen randomkey;\n"},
		{"keygens add up", "algorithm aes-cbc;\nkeygen randomkey;\nkeygen urandomkey;\n", head + "keygen randomkey;\nkeygen urandomkey;\n"},
		{"quotes", "algorithm \"aes-cbc\";\nkeygen shell_cmd cmd \"a\nb # c; d\";\n;", head + "keygen shell_cmd {\n        cmd \"a\nb # c; d\";\n};\n"},
		{"keywords as strings", "algorithm aes-cbc;\nkeygen shell_cmd cmd salt;\n;", head + "keygen shell_cmd {\n        cmd \"salt\";\n};\n"},
		{"base64 in parts", "algorithm aes-cbc;\nkeygen storedkey key AAAAgAAB AgMEBQYH\\\n \\\n CAkKCwwNDg8=;\n;", "BAD"},
		{"base64 in parts and lines", "algorithm aes-cbc;\nkeygen storedkey key AAAAgAAB AgMEBQYH \\\n \\\n CAkKCwwNDg8= ;\n\n", head + "keygen storedkey key " + salt16 + ";\n"},
		{"base64 with more than it says", "algorithm aes-cbc;\nkeygen storedkey key AAAAgAABAgMEBQYHCAkKCwwNDg8BAgM=;\n\n", head + "keygen storedkey key " + salt16 + ";\n"},
		{"block in one line", "algorithm aes-cbc; keygen pkcs5_pbkdf2 { iterations 5; salt " + salt16 + " }; keylength 128;", "BAD"},
		{"block in one line, all ends", "algorithm aes-cbc; keygen pkcs5_pbkdf2 { iterations 5; salt " + salt16 + "; }; keylength 128;",
			head + "keygen pkcs5_pbkdf2 {\n        iterations 5;\n        salt " + salt16 + ";\n};\n"},
		{"zero changes nothing", "algorithm aes-cbc;\nkeygen pkcs5_pbkdf2 {\niterations 5\niterations 0\nsalt " + salt16 + "\n}\n",
			head + "keygen pkcs5_pbkdf2 {\n        iterations 5;\n        salt " + salt16 + ";\n};\n"},
		{"a keygen needs two ends", "algorithm aes-cbc;\nkeygen randomkey; keylength 128;\n", "BAD"},
		{"old statements", "keygen randomkey;\nalgorithm aes-cbc;\nkeygen_method pkcs5_pbkdf2;\nkeygen_salt " + salt16 + ";\nxor_key " + salt16 + ";\n",
			head + "keygen storedkey key " + salt16 + ";\nkeygen pkcs5_pbkdf2 {\n        iterations 128;\n        salt " + salt16 + ";\n};\nkeygen randomkey;\n"},
		{"old statement of iterations", "algorithm aes-cbc;\nkeygen_iterations 7;\nkeygen_method pkcs5_pbkdf2/sha1;\nkeygen_salt " + salt16 + ";\n",
			head + "keygen pkcs5_pbkdf2/sha1 {\n        iterations 7;\n        salt " + salt16 + ";\n};\n"},
		{"encblkno", "algorithm aes-xts;\niv-method encblkno;\nkeygen randomkey;\n", "algorithm aes-xts;\niv-method encblkno;\nkeylength 256;\nverify_method none;\nkeygen randomkey;\n"},
	} {
		p, err := cgd.ParseParams([]byte(c.text))
		switch {
		case c.want == "BAD" && err == nil:
			t.Errorf("%s: got\n%s\nwant an error", c.name, p)
		case c.want != "BAD" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case err == nil && p.String() != c.want:
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, p, c.want)
		}
	}
}

// TestParseErrors: an error names the line, the thing, and what would have been right.
func TestParseErrors(t *testing.T) {
	const ok = "algorithm aes-cbc;\n"
	pbkdf2 := func(body string) string { return ok + "keygen pkcs5_pbkdf2/sha1 {\n" + body + "};\n" }
	argon := func(body string) string { return ok + "keygen argon2id {\nsalt " + salt16 + ";\n" + body + "};\n" }
	for _, c := range []struct{ text, want string }{
		{"", "unspecified algorithm, known are aes-cbc, aes-xts, adiantum, 3des-cbc, blowfish-cbc"},
		{"algorithm twofish;\nkeygen randomkey;\n", `unknown algorithm "twofish", known are aes-cbc, aes-xts, adiantum, 3des-cbc, blowfish-cbc`},
		{ok + "iv-method plain;\nkeygen randomkey;\n", `unknown IV method "plain", known are encblkno1, encblkno8, encblkno`},
		{ok + "keylength 129;\nkeygen randomkey;\n", "aes-cbc takes keys of 128, 192 or 256 bits, not of 129"},
		{ok + "keylength 0;\nkeygen randomkey;\n", "line 2: 0 bits are none"},
		{ok + "blocksize 64;\nkeygen randomkey;\n", "aes-cbc has blocks of 128 bits, not of 64"},
		{ok, "no keygen: nothing makes the key"},
		{ok + "\nkeygen gssapi_keytab;\n", `line 3: unknown key generation method "gssapi_keytab", known are pkcs5_pbkdf2/sha1, pkcs5_pbkdf2, argon2id, storedkey, randomkey, urandomkey, shell_cmd`},
		{"algorithm aes-cbc keylength 128;\n", "line 1: syntax error at 'keylength': want a semicolon"},
		{"algorithm;\n", "line 1: syntax error at ';': want an algorithm"},
		{"algorithm\n", "line 1: syntax error at the end of the line: want an algorithm"},
		{"algorithm", "line 1: syntax error at the end of the file: want an algorithm"},
		{ok + "algorithmus x;\n", "line 2: syntax error at 'algorithmus': want algorithm, iv-method, keylength, verify_method or keygen"},
		{ok + "{\n", "line 2: syntax error at '{': want a statement"},
		{ok + "keylength long;\n", "line 2: syntax error at 'long': want a number"},
		{ok + "keylength 123abc;\n", "line 2: syntax error at '123abc': want a number"},
		{ok + "keylength 99999999999999999999999;\n", "line 2: 99999999999999999999999 is too large"},
		{ok + "keylength 2147483648;\n", "line 2: 2147483648 is too large"},
		{ok + "keygen \"pkcs5_pbkdf2\n", "line 2: syntax error at '\"': want a key generation method"},
		{pbkdf2("iterations 0;\nsalt " + salt16 + ";\n"), "line 2: keygen pkcs5_pbkdf2/sha1 must provide `iterations'"},
		{pbkdf2("iterations 1;\n"), "line 2: keygen pkcs5_pbkdf2/sha1 must provide a salt"},
		{pbkdf2("iterations 1;\nsalt AAAA@;\n"), "line 4: salt: mangled base64 stream"},
		{pbkdf2("iterations 1;\nsalt AAAAgAABAg==;\n"), "line 4: salt: encoded bits claim to be longer than they are (nbits=128, stream len=7 bytes)"},
		{pbkdf2("iterations 1;\nsalt gAAB;\n"), "line 4: salt: 3 bytes, too few for a count of bits"},
		{pbkdf2("iterations 1;\nsalt ;\n"), "line 4: syntax error at ';': want salt in base64"},
		{pbkdf2("pepper 1;\n"), "line 3: syntax error at 'pepper': want salt, iterations, memory, parallelism, version, key, cmd or shared"},
		{ok + "keygen pkcs5_pbkdf2 {\nsalt " + salt16 + ";\n", "line 4: syntax error at the end of the file: want a closing brace of the keygen in line 2"},
		{argon("memory 1;\nparallelism 1;\nversion 19;\n"), "line 2: keygen argon2id must provide `iterations'"},
		{argon("iterations 1;\nparallelism 1;\nversion 19;\n"), "line 2: keygen argon2id must provide `memory'"},
		{argon("memory 1;\niterations 1;\nversion 19;\n"), "line 2: keygen argon2id must provide `parallelism'"},
		{argon("memory 1;\nparallelism 1;\niterations 1;\n"), "line 2: keygen argon2id must provide `version'"},
		{ok + "keygen storedkey;\n\n", "line 2: keygen storedkey must provide a key"},
		{ok + "keygen shell_cmd;\n\n", "line 2: keygen shell_cmd must provide a `cmd'"},
		{ok + "keygen randomkey { shared a algorithm hkdf-hmac-sha256 subkey " + salt16 + "; };\n", "line 2: keygen randomkey makes no sense shared"},
		{ok + "keygen storedkey { key " + key32 + "; shared a algorithm md5 subkey " + salt16 + "; };\n", `line 2: unknown shared key derivation algorithm "md5", known are hkdf-hmac-sha256`},
		{ok + "keygen storedkey { key " + key32 + "; shared a subkey " + salt16 + "; };\n", "line 2: syntax error at 'subkey': want algorithm"},
		{ok + "keygen_method argon2id;\n", "line 2: keygen argon2id must provide `memory'"},
		{ok + strings.Repeat("x", 100) + ";\n", "line 2: syntax error at '" + strings.Repeat("x", 40) + "...': want algorithm, iv-method, keylength, verify_method or keygen"},
	} {
		p, err := cgd.ParseParams([]byte(c.text))
		if err == nil {
			t.Errorf("%q: got\n%s\nwant error %s", c.text, p, c.want)
		} else if err.Error() != c.want {
			t.Errorf("%q: got error\n%v\nwant\n%s", c.text, err, c.want)
		}
	}
}

// TestWarnings: what does no harm is said and goes through.
func TestWarnings(t *testing.T) {
	p := mustParse(t, "algorithm aes-cbc;\nverify_method zfs;\nkeygen randomkey { iterations 5;\nsalt "+salt16+"; };\nkeygen storedkey { key "+key32+"; cmd true; };\n")
	want := []string{
		`unrecognized verify method "zfs", known are none, disklabel, ffs, re-enter, mbr, gpt: taken for none`,
		"line 3: keygen randomkey does not need `iterations'",
		"line 3: keygen randomkey does not need a salt",
		"line 5: keygen storedkey does not need a `cmd'",
	}
	if got := strings.Join(p.Warnings, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if p.Verify != "none" {
		t.Errorf("verify method: got %q, want none", p.Verify)
	}
}

// TestReadParams: errors name the file; what is no parameters file does not fill the memory.
func TestReadParams(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "params")
	if _, err := cgd.ReadParams(path); !os.IsNotExist(err) {
		t.Errorf("missing: got %v", err)
	}
	for _, c := range []struct {
		text string
		want string
	}{
		{"algorithm x;\n", `: unknown algorithm "x", known are`},
		{strings.Repeat("\n", 1<<20) + "algorithm", ": longer than 1048576 bytes: no parameters file"},
		{strings.Repeat("\x00", 1000), ": line 1: syntax error at '\x00"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cgd.ReadParams(path); err == nil || !strings.HasPrefix(err.Error(), path+c.want) {
			t.Errorf("got %.200q, want %q", err, path+c.want)
		}
	}
}

// TestWriteRefuses: what could not be read again is not written.
func TestWriteRefuses(t *testing.T) {
	p := mustParse(t, "algorithm aes-cbc;\nkeygen shell_cmd cmd x;\n;")
	p.Keygens[0].Cmd = `echo "x"`
	var b strings.Builder
	if _, err := p.WriteTo(&b); err == nil || b.Len() > 0 {
		t.Errorf("got %q, %v; want an error and nothing written", b.String(), err)
	}
}

// FuzzParams: any text is refused or prints as a text that reads the same.
func FuzzParams(f *testing.F) {
	for _, text := range printed {
		f.Add([]byte(text))
	}
	f.Add([]byte("algorithm aes-cbc # x; y\nkeygen_method \"pkcs5_pbkdf2\"\nkeygen_salt AAAAgA AB \\\n AgMEBQYHCAkKCwwNDg8=\nxor_key AAAA\n"))
	f.Add([]byte("algorithm aes-cbc;\r\nkeygen shell_cmd { cmd \"\n\"; };\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := cgd.ParseParams(text)
		if err != nil {
			return
		}
		var b strings.Builder
		if _, err := p.WriteTo(&b); err != nil {
			return
		}
		again, err := cgd.ParseParams([]byte(b.String()))
		if err != nil {
			t.Fatalf("%q printed as\n%s\nwhich is no parameters file: %v", text, b.String(), err)
		}
		if got := again.String(); got != b.String() {
			t.Errorf("got\n%s\nthe second time, want\n%s", got, b.String())
		}
	})
}
