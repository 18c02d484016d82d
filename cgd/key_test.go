package cgd_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rump/cgd"
)

// typist answers prompts from a list and keeps what was asked and the answers that it gave.
type typist struct {
	answers []string
	prompts []string
	given   [][]byte
}

var errNobody = errors.New("nobody answers")

func (t *typist) ask(_ context.Context, prompt string) ([]byte, error) {
	t.prompts = append(t.prompts, prompt)
	if len(t.answers) == 0 {
		return nil, errNobody
	}
	p := []byte(t.answers[0])
	t.answers = t.answers[1:]
	t.given = append(t.given, p)
	return p, nil
}

// keyFrom makes the key of a parameters file with answers in turn.
func keyFrom(tb testing.TB, text string, answers ...string) (string, error) {
	tb.Helper()
	who := &typist{answers: answers}
	m := cgd.KeyMaker{Ask: who.ask}
	key, err := m.Key(context.Background(), mustParse(tb, text), "disk's passphrase:")
	for _, p := range who.given {
		if !bytes.Equal(p, make([]byte, len(p))) {
			tb.Errorf("the passphrase %q is still in memory", p)
		}
	}
	for _, prompt := range who.prompts {
		if prompt != "disk's passphrase:" {
			tb.Errorf("prompt %q", prompt)
		}
	}
	if len(who.answers) > 0 {
		tb.Errorf("%d answers were not asked for", len(who.answers))
	}
	return hex.EncodeToString(key), err
}

// TestKeys are derivations that others have computed.
func TestKeys(t *testing.T) {
	const (
		aes128 = "algorithm aes-cbc;\nkeylength 128;\n"
		aes256 = "algorithm aes-cbc;\nkeylength 256;\n"
		xts512 = "algorithm aes-xts;\nkeylength 512;\n"
		sha1   = "keygen pkcs5_pbkdf2/sha1 {\niterations 1000;\nsalt " + salt16 + ";\n};\n"
		old    = "keygen pkcs5_pbkdf2 {\niterations 1000;\nsalt " + salt16 + ";\n};\n"
		argon4 = "keygen argon2id {\niterations 4;\nmemory 1024;\nparallelism 1;\nversion 19;\nsalt " + salt16 + ";\n};\n"
		argon1 = "keygen argon2id {\niterations 1;\nmemory 256;\nparallelism 4;\nversion 19;\nsalt " + salt16 + ";\n};\n"
		stored = "keygen storedkey key " + key32 + ";\n\n"
		shared = "keygen storedkey { key " + key32 + "; shared id algorithm hkdf-hmac-sha256 subkey AAAAgCAhIiMkJSYnKCkqKywtLi8=; };\n"
	)
	for _, c := range []struct{ text, want string }{
		{aes128 + sha1, "ffdf2b4243df29b12ad641fe028571e1"},
		{aes256 + sha1, "ffdf2b4243df29b12ad641fe028571e1776ce46a3b1f2ee837ae943c1a16b580"},
		{aes128 + old, "7e1d51ac4654b82e59ef0512ed93c1c1"},
		{aes256 + old, "7e1d51ac4654b82e59ef0512ed93c1c1af4bb418ffdf2b4243df29b12ad641fe"},
		{aes128 + argon4, "45f72b0c330b7f70972c1eaaa94a08f8"},
		{aes256 + argon4, "7c74552fde8c2404098b5da88aca978c5dead12d895b4ff6d44a24d5e3e03ab3"},
		{aes256 + argon1, "1662f410235dfde8044c3483488c0d0799b65056bbafa783cf9c2536603afeb0"},
		{aes128 + shared, "90858c5092fbdc5ab31d39eb52dbe957"},
		{xts512 + shared, "90858c5092fbdc5ab31d39eb52dbe957c6fa4fdd4dd1ece3710e161056cd395037e17aa998377cee1f13d81286de82c068d8bd6cf352fe7838b8c1541f672627"},
		{aes256 + stored, hex.EncodeToString(counting(32))},
		{aes128 + stored, hex.EncodeToString(counting(16))},
		{aes256 + "keygen shell_cmd cmd \"printf '%32s' x; echo more\";\n\n", strings.Repeat("20", 31) + "78"},
		{aes256 + stored + "keygen shell_cmd cmd \"yes ' '|tr -d '\\n'\";\n\n", "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"[:64]},
		// The sum of a long and a short key is zero where the short one ends.
		{aes256 + stored + "keygen storedkey key " + salt16 + ";\n\n", strings.Repeat("00", 32)},
		{aes256 + sha1 + stored, xor("ffdf2b4243df29b12ad641fe028571e1776ce46a3b1f2ee837ae943c1a16b580", hex.EncodeToString(counting(32)))},
	} {
		answers := []string{}
		if strings.Contains(c.text, "salt") {
			answers = append(answers, "netbsd")
		}
		want := c.want
		if strings.Contains(c.text, "yes ") {
			want = xor(strings.Repeat("20", 32), hex.EncodeToString(counting(32)))
		}
		if got, err := keyFrom(t, c.text, answers...); err != nil || got != want {
			t.Errorf("%s\ngot key %s, %v\nwant    %s", c.text, got, err, want)
		}
	}
}

func xor(a, b string) string {
	x, _ := hex.DecodeString(a)
	y, _ := hex.DecodeString(b)
	for i := range x {
		x[i] ^= y[i]
	}
	return hex.EncodeToString(x)
}

// TestKeyErrors: what can go wrong, named.
func TestKeyErrors(t *testing.T) {
	const head = "algorithm aes-cbc;\nkeylength 256;\n"
	argon := func(format string, a ...any) string {
		return head + "keygen argon2id {\nsalt " + salt16 + ";\niterations 1;\n" + fmt.Sprintf(format, a...) + "};\n"
	}
	for _, c := range []struct {
		text    string
		answers []string
		want    string
	}{
		{head + "keygen storedkey key " + salt16 + ";\n\n", nil, "the key made has 128 bits, but the key length of aes-cbc is 256"},
		{head + "keygen shell_cmd cmd \"echo hello\";\n\n", nil, `line 3: keygen shell_cmd: "echo hello" printed 6 bytes, want 32`},
		{head + "keygen shell_cmd cmd \"exit 3\";\n\n", nil, `line 3: keygen shell_cmd: "exit 3" printed 0 bytes, want 32 (exit status 3)`},
		{head + "keygen pkcs5_pbkdf2 {\niterations 1\nsalt " + salt16 + "\n}\n", nil, "line 3: nobody answers"},
		{head + "keygen pkcs5_pbkdf2 {\niterations 1\nsalt " + salt16 + "\n}\n", []string{strings.Repeat("x", 1024)}, "line 3: the passphrase is longer than 1023 bytes"},
		{head + "keygen storedkey {\nkey " + salt16 + "\nshared a algorithm hkdf-hmac-sha256 subkey " + salt16 + "\n}\n", nil, `line 3: shared key "a" has 128 bits, want 256`},
		{argon("memory 8;\nparallelism 1;\nversion 16;\n"), nil, "line 3: keygen argon2id: version 16, but only 19 is known"},
		{argon("memory 8;\nparallelism 256;\nversion 19;\n"), nil, "line 3: keygen argon2id: parallelism 256, but at most 255 is known"},
		{argon("memory 2147483647;\nparallelism 1;\nversion 19;\n"), nil, "line 3: keygen argon2id: memory 2147483647 KiB, but this machine has"},
	} {
		_, err := keyFrom(t, c.text, c.answers...)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\ngot %v, want %s", c.text, err, c.want)
		}
	}
}

// TestKeyCancel: a key that takes hours is given up when the user says so.
func TestKeyCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	m := cgd.KeyMaker{Ask: (&typist{answers: []string{"x"}}).ask}
	p := mustParse(t, "algorithm aes-cbc;\nkeygen pkcs5_pbkdf2/sha1 {\niterations 2147483647;\nsalt "+salt16+"\n}\n")
	start := time.Now()
	if _, err := m.Key(ctx, p, ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %v, want %v at once", err, time.Since(start), context.DeadlineExceeded)
	}
}

// TestSharedOnce: a shared key is asked for once for all disks, and again after it was wiped.
func TestSharedOnce(t *testing.T) {
	text := "algorithm aes-cbc;\nkeygen pkcs5_pbkdf2/sha1 {\niterations 10;\nsalt " + salt16 + ";\nshared a algorithm hkdf-hmac-sha256 subkey %s\n}\n"
	one, two := mustParse(t, fmt.Sprintf(text, salt16)), mustParse(t, fmt.Sprintf(text, key32))
	who := &typist{answers: []string{"x", "x", "x"}}
	m := cgd.KeyMaker{Ask: who.ask}
	make := func(p *cgd.Params) string {
		key, err := m.Key(context.Background(), p, "?")
		if err != nil {
			t.Fatal(err)
		}
		return string(key)
	}
	a, b := make(one), make(two)
	if a == b || len(who.prompts) != 1 {
		t.Errorf("two disks: same key %t, asked %d times; want other keys after one question", a == b, len(who.prompts))
	}
	m.Wipe()
	if again := make(one); again != a || len(who.prompts) != 2 {
		t.Errorf("after Wipe: same key %t, asked %d times; want the same, asked twice", again == a, len(who.prompts))
	}
}

// TestRandomKeys differ each time.
func TestRandomKeys(t *testing.T) {
	for _, method := range []string{"randomkey", "urandomkey"} {
		text := "algorithm aes-xts;\nkeylength 512;\nkeygen " + method + ";\n"
		a, err := keyFrom(t, text)
		b, err2 := keyFrom(t, text)
		if err != nil || err2 != nil || len(a) != 128 || a == b {
			t.Errorf("%s: got %s and %s, %v, %v", method, a, b, err, err2)
		}
	}
}
