package cgd

import "rump/rumpfs/blockdev"

// How sure one can be that a disk holds what is not ciphertext.
const (
	sureRandom = iota // looks like noise
	sureOrder         // its bytes are not evenly distributed
	sureKnown         // something known is in its place
)

// A sight is what a disk looks like.
type sight struct {
	sure int
	what string
}

func (s sight) String() string { return s.what }

const (
	lookSamples = 256  // places that are looked at, evenly spread
	lookSample  = 4096 // bytes of one
)

// lookAt says what a disk looks like: whether it begins with something that verify methods know (but for two bytes of a
// boot sector, which noise has too often), or is noise by a chi-squared test on the distribution of its bytes.
func lookAt(d blockdev.Device) (sight, error) {
	for _, known := range []struct{ method, what string }{
		{verifyFFS, "a Fast File System"}, {verifyDisklabel, "a disk label"}, {verifyGPT, "a GUID partition table"},
	} {
		err := Verify(d, known.method)
		if err == nil {
			return sight{sureKnown, known.what}, nil
		}
		if _, wrong := err.(*VerifyError); !wrong {
			return sight{}, err
		}
	}
	var count [256]int
	size := d.Size()
	step := max(size/lookSamples, lookSample)
	step -= step % int64(d.SectorSize())
	for off := int64(0); off < size; off += step {
		p, err := readSome(d, off, lookSample)
		if err != nil {
			return sight{}, err
		}
		for _, b := range p {
			count[b]++
		}
	}
	if isEven(&count) {
		return sight{sureRandom, "noise"}, nil
	}
	return sight{sureOrder, "data that is no noise"}, nil
}

// isEven is the chi-squared test: noise has a sum of 255 with a deviation of 23, and seven of these are out of question.
func isEven(count *[256]int) bool {
	n := 0
	for _, c := range count {
		n += c
	}
	if n == 0 {
		return true
	}
	expected := float64(n) / 256
	sum := 0.0
	for _, c := range count {
		sum += (float64(c) - expected) * (float64(c) - expected) / expected
	}
	return sum < 255+7*23
}
