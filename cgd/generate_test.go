package cgd_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"rump/cgd"
)

// quick calibrates for next to no time.
var quick = cgd.Tuner{Target: time.Millisecond, Memory: 1 << 18}

// TestGenerate: for every algorithm and way to make keys the parameters read back and make a key.
func TestGenerate(t *testing.T) {
	ctx := context.Background()
	for _, alg := range cgd.Algorithms() {
		for _, methods := range [][]string{nil, {"pkcs5_pbkdf2"}, {"argon2id"}, {"storedkey"}, {"randomkey"}, {"urandomkey"}, {"storedkey", "pkcs5_pbkdf2/sha1", "argon2id"}} {
			o := cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: alg}, Methods: methods, Tuner: quick}
			p, err := cgd.Generate(ctx, o)
			if err != nil {
				t.Fatalf("%s %v: %v", alg, methods, err)
			}
			q := mustParse(t, p.String())
			if q.String() != p.String() || len(p.Warnings) > 0 {
				t.Errorf("%s %v: got\n%s\nback, want\n%s", alg, methods, q, p)
			}
			m := cgd.KeyMaker{Ask: func(context.Context, string) ([]byte, error) { return []byte("x"), nil }}
			one, err := m.Key(ctx, p, "")
			if err != nil {
				t.Fatal(err)
			}
			two, err := m.Key(ctx, q, "")
			random := len(methods) == 1 && strings.Contains(methods[0], "random")
			if err != nil || len(one)*8 != p.KeyLength || bytes.Equal(one, two) == random {
				t.Errorf("%s %v: keys %x and %x, %v", alg, methods, one, two, err)
			}
			other, err := cgd.Generate(ctx, o)
			if err != nil || other.String() == p.String() && !random {
				t.Errorf("%s %v: the same parameters twice", alg, methods)
			}
		}
	}
}

func TestGenerateRefusals(t *testing.T) {
	for _, c := range []struct {
		o    cgd.GenerateOptions
		want string
	}{
		{cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "rot13"}}, `unknown algorithm "rot13"`},
		{cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "aes-cbc", KeyLength: 100}}, "aes-cbc takes keys of 128, 192 or 256 bits, not of 100"},
		{cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "aes-cbc"}, Verify: "zfs"}, `unknown verify method "zfs"`},
		{cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "aes-cbc"}, Methods: []string{"dice"}}, `unknown key generation method "dice"`},
		{cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "aes-cbc"}, Methods: []string{"shell_cmd"}}, "keygen shell_cmd: the command is for you to write into the file"},
	} {
		if _, err := cgd.Generate(context.Background(), c.o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %s", c.o, err, c.want)
		}
	}
}

// TestRekey: the new parameters make the old key from the new passphrase.
func TestRekey(t *testing.T) {
	ctx := context.Background()
	for _, methods := range [][]string{nil, {"argon2id"}, {"storedkey", "pkcs5_pbkdf2"}} {
		p, err := cgd.Generate(ctx, cgd.GenerateOptions{Cipher: cgd.Cipher{Algorithm: "aes-xts", IVMethod: "encblkno8", KeyLength: 512}, Verify: "ffs", Tuner: quick})
		if err != nil {
			t.Fatal(err)
		}
		who := &typist{answers: []string{"old", "old", "new", "new"}}
		m := cgd.KeyMaker{Ask: who.ask}
		want, err := m.Key(ctx, p, "first:")
		if err != nil {
			t.Fatal(err)
		}
		if len(methods) == 1 && methods[0] == "storedkey" {
			who.answers = who.answers[:1]
		}
		next, err := cgd.Rekey(ctx, p, &m, cgd.GenerateOptions{Methods: methods, Tuner: quick})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Key(ctx, mustParse(t, next.String()), "last:")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: got key %x, %v; want %x", methods, got, err, want)
		}
		if prompts := strings.Join(who.prompts, " "); prompts != "first: old file's passphrase: new file's passphrase: last:" {
			t.Errorf("%v: prompts %s", methods, prompts)
		}
		if next.Cipher != p.Cipher || next.Verify != "ffs" {
			t.Errorf("%v: got %+v %s", methods, next.Cipher, next.Verify)
		}
	}
	random := mustParse(t, "algorithm aes-cbc;\nkeygen urandomkey;\n")
	if _, err := cgd.Rekey(ctx, random, new(cgd.KeyMaker), cgd.GenerateOptions{}); err == nil || err.Error() != "can't preserve randomly generated key" {
		t.Errorf("random key: got %v", err)
	}
}
