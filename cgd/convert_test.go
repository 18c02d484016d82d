package cgd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

const (
	testWindow = 4 << 10
	testSize   = 4*testWindow + 512 // bytes of the disk: several windows and a short one
)

var testKey = bytes.Repeat([]byte{7}, 32)

var testCipher = Cipher{Algorithm: "aes-xts"}

// stage is a disk and its journal under one power switch.
type stage struct {
	memory       *blockdev.Memory
	power        *blockdev.Faulty
	dev, journal blockdev.Device
}

func newStage(tb testing.TB, content []byte) *stage {
	tb.Helper()
	m := blockdev.NewMemory(journalSize(testWindow) + int64(len(content)))
	return stageOn(tb, m, content)
}

// stageOn is a stage on a memory that has been one before, unless content is given.
func stageOn(tb testing.TB, m *blockdev.Memory, content []byte) *stage {
	tb.Helper()
	s := &stage{memory: m, power: blockdev.NewFaulty(m, blockdev.Plan{})}
	var err1, err2 error
	s.journal, err1 = blockdev.NewSection(s.power, 0, journalSize(testWindow))
	s.dev, err2 = blockdev.NewSection(s.power, journalSize(testWindow), m.Size()-journalSize(testWindow))
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	if content != nil {
		if _, err := s.dev.WriteAt(content, 0); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func (s *stage) content() []byte { return s.memory.Bytes()[journalSize(testWindow):] }

func (s *stage) convert(decrypt bool) error {
	return Convert(context.Background(), s.dev, s.journal, testCipher, testKey, ConvertOptions{Decrypt: decrypt, window: testWindow})
}

// testText is a plain disk and its ciphertext.
func testText(tb testing.TB) (plain, cipher []byte) {
	tb.Helper()
	plain = bytes.Repeat([]byte("a text that is no noise at all; "), testSize/32)
	for i := range plain {
		plain[i] += byte(i / 512 % 3)
	}
	m := blockdev.NewMemory(testSize)
	d, err := New(m, testCipher, testKey)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := d.WriteAt(plain, 0); err != nil {
		tb.Fatal(err)
	}
	return plain, m.Bytes()
}

// TestConvert: both ways, and a second time, when there is nothing to do.
func TestConvert(t *testing.T) {
	plain, cipher := testText(t)
	s := newStage(t, plain)
	for _, step := range []struct {
		decrypt bool
		want    []byte
	}{{false, cipher}, {true, plain}, {false, cipher}} {
		if err := s.convert(step.decrypt); err != nil || !bytes.Equal(s.content(), step.want) {
			t.Fatalf("decrypt %t: %v, right content %t", step.decrypt, err, bytes.Equal(s.content(), step.want))
		}
		if err := s.convert(step.decrypt); err != nil || !bytes.Equal(s.content(), step.want) {
			t.Errorf("decrypt %t again with the journal that is done: %v", step.decrypt, err)
		}
	}
}

// TestConvertCut cuts the power at every write, torn in every way that tells, and then at every write of going on. In the
// end no sector is lost.
func TestConvertCut(t *testing.T) {
	plain, cipher := testText(t)
	for _, decrypt := range []bool{false, true} {
		from, to := plain, cipher
		if decrypt {
			from, to = cipher, plain
		}
		total := 0
		for after := 0; ; after++ {
			done := false
			for _, torn := range []int{0, 1, 5, 8, 9, 16} {
				s := newStage(t, from)
				s.power.Set(blockdev.Plan{Cut: &blockdev.Cut{After: after, Torn: torn}})
				if err := s.convert(decrypt); err == nil {
					done = true
					break
				} else if !errors.Is(err, syscall.EIO) {
					t.Fatalf("cut at %d: got %v, want %v", after, err, syscall.EIO)
				}
				cutAgain(t, s.memory, decrypt, to, fmt.Sprintf("decrypt %t, cut after %d writes and %d sectors", decrypt, after, torn))
				total++
			}
			if done {
				break
			}
		}
		if total < 6*11 {
			t.Errorf("only %d cuts", total)
		}
	}
}

// cutAgain goes on with a conversion, cut at each of the first writes, then to its end.
func cutAgain(t *testing.T, m *blockdev.Memory, decrypt bool, want []byte, what string) {
	t.Helper()
	for again := -1; again < 3; again++ {
		s := stageOn(t, m.Snapshot(), nil)
		if again >= 0 {
			s.power.Set(blockdev.Plan{Cut: &blockdev.Cut{After: again, Torn: 3}})
			if err := s.convert(decrypt); err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatalf("%s and %d: %v", what, again, err)
			}
			s.power.Set(blockdev.Plan{})
		}
		if err := s.convert(decrypt); err != nil {
			t.Fatalf("%s and %d: going on: %v", what, again, err)
		}
		if !bytes.Equal(s.content(), want) {
			t.Fatalf("%s and %d: the disk is not what it should be", what, again)
		}
	}
}

// scatter is a disk that loses power in the middle of a write, or with writes in its cache: of what was written since the
// last flush, any sectors may be there and any not.
type scatter struct {
	blockdev.Device
	r     *rand.Rand
	left  int // writes until the power goes
	dirty map[int64][]byte
}

func (s *scatter) WriteAt(p []byte, off int64) (int, error) {
	if s.left < 0 {
		return 0, syscall.EIO
	}
	for at := 0; at < len(p); at += 512 {
		s.dirty[off+int64(at)] = bytes.Clone(p[at : at+512])
	}
	if s.left--; s.left < 0 {
		return 0, errors.Join(syscall.EIO, s.spill(func() bool { return s.r.IntN(2) == 0 }))
	}
	return len(p), nil
}

func (s *scatter) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Device.ReadAt(p, off)
	for at := 0; at < len(p); at += 512 {
		if b := s.dirty[off+int64(at)]; b != nil {
			copy(p[at:], b)
		}
	}
	return n, err
}

func (s *scatter) Flush() error {
	if s.left < 0 {
		return syscall.EIO
	}
	return s.spill(func() bool { return true })
}

func (s *scatter) spill(want func() bool) error {
	for off, b := range s.dirty {
		if want() {
			if _, err := s.Device.WriteAt(b, off); err != nil {
				return err
			}
		}
	}
	clear(s.dirty)
	return nil
}

// TestConvertScatter: a power failure leaves any part of what was not flushed, again and again until it is through.
func TestConvertScatter(t *testing.T) {
	plain, cipher := testText(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for round := range rounds {
		decrypt := round%2 == 1
		from, to := plain, cipher
		if decrypt {
			from, to = cipher, plain
		}
		s := newStage(t, from)
		var err error
		for try := 0; try < 100; try++ {
			sc := &scatter{Device: s.memory, r: r, left: r.IntN(8), dirty: map[int64][]byte{}}
			journal, _ := blockdev.NewSection(sc, 0, s.journal.Size())
			dev, _ := blockdev.NewSection(sc, s.journal.Size(), s.dev.Size())
			err = Convert(context.Background(), dev, journal, testCipher, testKey, ConvertOptions{Decrypt: decrypt, window: testWindow})
			if err == nil || !errors.Is(err, syscall.EIO) {
				break
			}
		}
		if err != nil || !bytes.Equal(s.content(), to) {
			t.Fatalf("seed %d, round %d: %v, right content %t", seed, round, err, bytes.Equal(s.content(), to))
		}
	}
}

// TestConvertCancel: the context ends it between two windows, and it goes on from there.
func TestConvertCancel(t *testing.T) {
	plain, cipher := testText(t)
	s := newStage(t, plain)
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(context.Background())
		start := int64(-1)
		err := Convert(ctx, s.dev, s.journal, testCipher, testKey, ConvertOptions{window: testWindow, Progress: func(done int64) {
			if start < 0 {
				start = done
			} else {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || n > 10 {
			t.Fatalf("run %d: got %v, want %v", n, err, context.Canceled)
		}
		if want := int64(n-1) * testWindow; start != want {
			t.Errorf("run %d went on at %d, want %d", n, start, want)
		}
	}
	if !bytes.Equal(s.content(), cipher) {
		t.Error("the disk is not encrypted")
	}
}

// TestConvertRefusals: what must not be converted is not touched, and the error says why.
func TestConvertRefusals(t *testing.T) {
	plain, cipher := testText(t)
	noise := make([]byte, testSize)
	rand.NewChaCha8([32]byte{3}).Read(noise)
	ffs := bytes.Clone(noise)
	copy(ffs[8192+ffsOffMagic:], []byte{0x54, 0x19, 0x01, 0x00})
	other := bytes.Repeat([]byte{8}, 32)
	for _, c := range []struct {
		name    string
		content []byte
		decrypt bool
		key     []byte
		done    bool
		want    string
	}{
		{"encrypted", cipher, false, testKey, true, "nothing to do: decrypted with this key there is data that is no noise, so it is encrypted already"},
		{"encrypted with another key", cipher, false, other, false, "there is noise, and decrypted with this key noise: it may be encrypted already"},
		{"plain", plain, true, testKey, false, "with this key there is noise, and without data that is no noise: the passphrase is wrong, or it is not encrypted"},
		{"plain file system", ffs, true, testKey, true, "nothing to do: there is a Fast File System, so it is not encrypted"},
		{"wrong key", cipher, true, other, false, "with this key there is noise, and without noise: the passphrase is wrong, or it is not encrypted"},
		{"noise", noise, false, testKey, false, "there is noise, and decrypted with this key noise: it may be encrypted already"},
	} {
		s := newStage(t, c.content)
		before := s.memory.Bytes()
		err := Convert(context.Background(), s.dev, s.journal, testCipher, c.key, ConvertOptions{Decrypt: c.decrypt, window: testWindow})
		if err == nil || err.Error() != c.want || errors.Is(err, ErrDone) != c.done {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if !bytes.Equal(s.memory.Bytes(), before) {
			t.Errorf("%s: something was written", c.name)
		}
		if err := Convert(context.Background(), s.dev, s.journal, testCipher, c.key, ConvertOptions{Decrypt: c.decrypt, window: testWindow, Force: true}); err != nil {
			t.Errorf("%s, forced: %v", c.name, err)
		}
	}
	s := newStage(t, ffs)
	if err := s.convert(false); err != nil {
		t.Errorf("a file system full of noise: %v", err)
	}
}

// TestConvertPlainKinds: plain disks of all kinds are taken for plain, whatever the algorithm makes of them, and for encrypted once they are.
func TestConvertPlainKinds(t *testing.T) {
	text, _ := testText(t)
	kinds := map[string][]byte{"zeros": make([]byte, testSize), "text": text, "one block again and again": bytes.Repeat([]byte("12345678abcdefgh"), testSize/16)}
	half := make([]byte, testSize)
	rand.NewChaCha8([32]byte{4}).Read(half[:testSize/2])
	kinds["half noise, half zeros"] = half
	for _, c := range cases() {
		key := bytes.Repeat([]byte{0xa7, 0x31, 9, 0x44}, 16)
		for name, content := range kinds {
			s := newStage(t, content)
			convert := func(decrypt bool) error {
				return Convert(context.Background(), s.dev, s.journal, c, key, ConvertOptions{Decrypt: decrypt, window: testWindow})
			}
			forget := func() { // the journal, as if it had been deleted
				if _, err := s.journal.WriteAt(make([]byte, s.journal.Size()), 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := convert(false); err != nil {
				t.Errorf("%v, %s: encrypting: %v", c, name, err)
				continue
			}
			forget()
			if err := convert(false); !errors.Is(err, ErrDone) {
				t.Errorf("%v, %s: encrypting again: got %v, want %v", c, name, err, ErrDone)
			}
			if err := convert(true); err != nil || !bytes.Equal(s.content(), content) {
				t.Errorf("%v, %s: decrypting: %v", c, name, err)
			}
			forget()
			if err := convert(true); err == nil {
				t.Errorf("%v, %s: decrypting again: no error", c, name)
			}
		}
	}
}

// TestConvertJournal: a journal of something else is not gone on with.
func TestConvertJournal(t *testing.T) {
	plain, _ := testText(t)
	begun := newStage(t, plain)
	begun.power.Set(blockdev.Plan{Cut: &blockdev.Cut{After: 6}})
	if err := begun.convert(false); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, c := range []struct {
		name string
		do   func(s *stage) error
		want string
	}{
		{"other direction", func(s *stage) error { return s.convert(true) }, "encrypting was interrupted: finish it first"},
		{"other key", func(s *stage) error {
			return Convert(ctx, s.dev, s.journal, testCipher, make([]byte, 32), ConvertOptions{})
		}, "the conversion was begun with another key"},
		{"other place", func(s *stage) error {
			return Convert(ctx, s.dev, s.journal, testCipher, testKey, ConvertOptions{Where: 512})
		}, "the conversion of 16896 bytes from byte 0 on was interrupted"},
		{"other size", func(s *stage) error {
			part, _ := blockdev.NewSection(s.dev, 0, 8192)
			return Convert(ctx, part, s.journal, testCipher, testKey, ConvertOptions{})
		}, "the conversion of 16896 bytes from byte 0 on was interrupted"},
		{"cut off", func(s *stage) error {
			part, _ := blockdev.NewSection(s.journal, 0, 8192)
			return Convert(ctx, s.dev, part, testCipher, testKey, ConvertOptions{})
		}, "journal of 8192 bytes, want 20480"},
		{"empty", func(s *stage) error {
			part, _ := blockdev.NewSection(s.journal, 0, 0)
			return Convert(ctx, s.dev, part, testCipher, testKey, ConvertOptions{})
		}, "journal of 0 bytes, want 46080"},
		{"damaged", func(s *stage) error {
			p := make([]byte, 512)
			s.journal.ReadAt(p, 0)
			p[headOffWhere] ^= 1
			s.journal.WriteAt(p, 0)
			return s.convert(false)
		}, "the journal is damaged: its head has a wrong sum"},
		{"something else", func(s *stage) error {
			s.journal.WriteAt(bytes.Repeat([]byte{1}, 512), 0)
			return s.convert(false)
		}, "the journal is no journal of a conversion"},
		{"read-only", func(s *stage) error {
			return Convert(ctx, blockdev.NewReadOnly(s.dev), s.journal, testCipher, testKey, ConvertOptions{})
		}, syscall.EROFS.Error()},
	} {
		s := stageOn(t, begun.memory.Snapshot(), nil)
		before := s.content()
		if err := c.do(s); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if !bytes.Equal(s.content(), before) {
			t.Errorf("%s: the disk was changed", c.name)
		}
	}
}

// FuzzJournal: whatever a journal holds, nothing panics, and memory stays bounded.
func FuzzJournal(f *testing.F) {
	plain, _ := testText(f)
	s := newStage(f, plain)
	s.power.Set(blockdev.Plan{Cut: &blockdev.Cut{After: 3}})
	if err := s.convert(false); !errors.Is(err, syscall.EIO) {
		f.Fatal(err)
	}
	f.Add(s.memory.Bytes()[:headSize])
	f.Fuzz(func(t *testing.T, head []byte) {
		s := newStage(t, plain)
		p := make([]byte, 512)
		copy(p, head)
		j := &journal{head: journalHead{size: testSize, sector: 512, window: testWindow, check: func([]byte) []byte { return p[headOffCheck : headOffCheck+32] }}, dev: s.journal}
		_ = j.parseHead(p)
		if _, err := j.matchHead(p); err == nil && len(j.slot) > convertWindow+journalHeads {
			t.Errorf("slot of %d bytes", len(j.slot))
		}
		if _, err := s.journal.WriteAt(p, 0); err != nil {
			t.Fatal(err)
		}
		_ = s.convert(false)
	})
}
