package cgd_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// counting is the key of bytes 0, 1, 2 and so on.
func counting(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// eKey is the number e in decimal digits, two a byte.
const eKey = "2718281828459045235360287471352662497757247093699959574966967627"

// piText is 64 bytes that the kernel's self-test encrypts.
const piText = "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89cc78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412"

// A vector is one sector: its beginning if a sum is not given.
type vector struct {
	alg    string
	bits   int
	iv     string
	sector uint64
	size   int // bytes of a sector
	key    string
	plain  []byte // padded with zeros
	first  string // what the ciphertext begins with, hex
	last   string // what it ends with
	sum    string // SHA-256 of it
}

func (v vector) name() string {
	return fmt.Sprintf("%s-%d-%s-%d-sector-%d", v.alg, v.bits, v.iv, v.size, v.sector)
}

// kernelVectors are those of the kernel's self-test: the first 64 bytes of sectors.
func kernelVectors(tb testing.TB) []vector {
	counts := hex.EncodeToString(counting(56))
	pi := unhex(tb, piText)
	return []vector{
		{"aes-cbc", 128, "encblkno1", 1, 512, eKey[:32], pi, "9394563683bcffa4e0243412befab07d881ec5575523050c69a5c1da64ee7410c2c5e666d6a7491c9d40b50c9b6e1ce6b17a1ce75afef92a78fab77b08df8e51", "", ""},
		{"aes-cbc", 256, "encblkno1", 0xffff, 512, eKey, counting(64), "6ca315175190e96908367ba6bbd10b9ecd6b1eafb62e627d8edef0ed0d44e73126cfd50b3e955989df5dd69a0066cc7f45d30658edef49478789177d085650e1", "", ""},
		{"aes-xts", 256, "encblkno1", 1, 512, eKey[:32] + "31415926535897932384626433832795", pi, "264d3ca8512194fec312c8c9891f279fefdd608d0c027b60483a3fa811d65ee59d52d9e40ec5672d81532b38b6b089ce951f0f9c35590b8b978d175213f329bb", "", ""},
		{"aes-xts", 512, "encblkno1", 0xffff, 512, eKey + "3141592653589793238462643383279502884197169399375105820974944592", counting(64), "77a31251618a15e6b92d1d66dffe7b50b50bad552305ba0217a610688eff7e11e1d0225438e093242d6db274fde801d4cae06f2092c728b2478559df58e837c2", "", ""},
		{"3des-cbc", 192, "encblkno1", 1, 512, counts[:48], pi, "a2fe81aa106ceab911581f29b5867156e9251d07b169596c9680f75438aaa7e4e881f500bb1c003cba3845974ccf84144686d9f4c5e2f054de41f6a1ef1b0aea", "", ""},
		{"blowfish-cbc", 448, "encblkno1", 1, 512, counts, pi, "eca2c00ea97f041e2e4f6407673ef458615fd3505ed34d34a053be4775693b1f86f2ae8bb791dad42ba5479b7d1330dd7bad865751117442b8bf6917200af7da", "", ""},
		{"aes-cbc", 128, "encblkno8", 0, 512, strings.Repeat("00", 16), nil, "a2062626acdce7cf4768240efa40448307e1f45d5347a0fec06e4ef89d9863b82c27fa3ad540dadbe6c3e4fb8553fb785dbd8f4c1a049c8885ec3c56461a6ef5", "", ""},
	}
}

// wholeVectors are whole sectors; the first word of a line is algorithm, length, vector, sector number, sector size.
const wholeVectors = `
aes-cbc 128 encblkno1 0 512 af9d9926f7dac87192b1c4143ad989581d2bd041b903bc5fa2dca1378dc1f3e2 25cead10d152472d5ed2de6c0cda759e ba14913f9115e0d16eef3055e30a24dfa420d23574a3aacb020ee4b6d8dd34d5
aes-cbc 128 encblkno1 1 512 4c2a00ebf9374a6ea4784775870112fb79f8d9f1048311be90759f361a321966 0b2f31dbb661745bda20d03dbf174230 c706b6dcc81ca488762e0e0e29674146ad580122f6e5266da6bcc642c959432d
aes-cbc 128 encblkno1 78187493530 512 e417223e66620cebde33d868e4175e04aa87d9a70193ff743b0f4215ce9e1953 0ffa5bc565942a83cca21ed178622dd5 8c3125346d6efd68dac837fd489db508656cd0cc6ca7128b314e3db590f1e4b7
aes-cbc 128 encblkno8 0 512 c7d985e009553a8fbd25dad66c192854631f2f5f4475a54c915128cb32f3b869 8670f024e574c9f428450044a16132d7 0297fe0a472a9591b06329f6d3e24e3b0d9c0834b85bdf9b390bc6b092dc2319
aes-cbc 128 encblkno8 1 512 274ad6b1c6a3850d2d8d7d23c9167972458c92c4fa392e446a3d854f0c6e1566 57b3fa1a18e73178f5819f5213cf0c77 5046eaa8d8491f2e9155af03d8d6c5f07b44c28c8382a340ad0d4c4c911834b5
aes-cbc 192 encblkno1 0 512 9b47544fe2e6d8d6809c5b05fd9e66873f4cd37c81ab5678ad06f0d3b4589b44 dad7ddf6158da7bb2ef5a3e7924a4dbd 58d296ae40f2e09f1e2f781e96e4f269ce89f06d1fa410184c0ba2aefecd1908
aes-cbc 192 encblkno1 1 512 d1c4db31eedd50a212b3ec1c5c953fb12e864f1146987eeada18bf5d4286e8ed b0dc8507ab96393376bc72ced71f96f7 43dd52f5d458d981fe65fdb34245d40c006265086f2c4fe839b7fc5a33592f45
aes-cbc 256 encblkno1 0 512 d4e96925c0bfcffb52f8a187ee774aab36136fa7a598be1ae8bf0edf8ce52a9a d83c4da2be6cf7c4e7a43db6f82105f8 2bf6725b1184502b63133eff5ac01a4b08831e40b6ba98e1676ee4036f6fabf9
aes-cbc 256 encblkno1 1 512 1f92908a730a34d12cacf78d7d510e63e1faf3cd579f83f1b0e9868c60e2ceb9 d6dbab358510ba11e87c9b9b3c8c1a7a 6daf97f5e6b6c714220b79171e003b8dab4258045905d3f06e1bb0d957c998e0
aes-cbc 256 encblkno1 78187493530 512 3cee45f7f4401046a3d83f9c3b9414b240962944ebb2baf42aee6216658d0489 818d35bf4b4e0003589452e5608be728 04e46c2e35119fd9860b65cb998d8b5890716cb6caa67a0592ff96d53b229fe4
aes-cbc 256 encblkno8 0 512 16b77acbdaf688784581f0e9b2eb7842c083dd8427af138fb9d8cedb8404856f 68d6ff2f0326f981ec3fd652f9d65c03 c3e263ac7c3201bc1039f34af4281247887178d24d579ccfbc509e4554d2b323
aes-cbc 256 encblkno8 1 512 e8440ff57168a8485ee33fbb79be342d9ee804457cc26163340724d053f3b0b3 5db79f135ac8342b57861642b5165982 06b5d9eb6cad9772b47765ab017dee6d3f2860921c2d5053be531143255a9281
aes-xts 256 encblkno1 0 512 f071a2b402c105ea37024133e24d6ef6212e8cc0175e1b6b32657d54f159daf6 048e03178663b4fec9d9bb05835c52f7 a27916ef0ecf96010e1fcc453238d4a06d3d9b24abaf14a4fe41f8d18528b06f
aes-xts 256 encblkno1 1 512 a8ce33a288a211258599d867beceaf25af22ac0c12e00c7d57fe1dcd3273c74b eabbee88416c7eda35ebe03d41aec5e9 25ed8dd42c77a1d8383bbc71c5b39525dabc1e0111ce6ec545b089e087a1664b
aes-xts 512 encblkno1 0 512 cd6b103236fbd87dba93e9001e29bc3d5e885d6abd1577e3e0e0a5f49e444894 226790136af4ae079c61a907ba497df2 9943ddf45f593dcb9bcd2e3043ea706a3a7f0d35bfca0ddcfa7c0803e588601a
aes-xts 512 encblkno1 1 512 0c22ed7e2168a8500b30154c2ec00d26f8f158f9af844bffaf0387b64c761a1e a1fe130460ec6322bc846036dc6cc47b 310f8d962bab7e66a56806621e3d02be60b6387a70ecde08685b09925b37512d
3des-cbc 192 encblkno1 0 512 068edfb5f023abb4bf6bcbc99a30fc70586b8b6dbac1436be424ab75f320df9c 9ffe26d6732a83d25a37fa5af6f1b56a e67c4b24d0eaf10b8d87fd430a3cc6d799e7a5ff70236ac3330e432f9ed49084
3des-cbc 192 encblkno1 1 512 4aef01291531afef489a8d196646ed3241ce1193f386f68ee066f733427f27bc e7fb9c73f5e0b5792cfa81c4c6ddd03a 9083cd207e8aacb4a9ff43329e732ac417823fc13e96dcec5098f61a991b0234
3des-cbc 192 encblkno8 0 512 e1241ebe1682fcb328ee0ec42a87fc6947a0dc77120621d17a000d1b3b83edbf ea6f3e79cf56aa68f4b5aad9c7b910b3 6f0b8964931f9f24ecbb71838c27417bf1f3701eea73a06a8792acd66ae01f91
blowfish-cbc 128 encblkno1 0 512 053c33394335836211dcbd816cc1957fd9dee9830b70ca593b6f7ea0422e3ab4 fceb982d33d994603816a19c2057ac7a aac449f7c4397997ef53e970a19cb1fb9e38e28cb4e2eeca6aa434abbbbb14a9
blowfish-cbc 128 encblkno1 1 512 5927d5bd9607846642e41f5544eec5895af2b723a818011708c1863de6e1c7bd d42dad0cb3df203b37328ec4a1192902 053f1ee65996d2c36914fc3dbc04eb1b42b8646670328f592b83bb041ccee152
adiantum 256 encblkno1 0 512 de7a851948902596bc735e3ba177dc25de93f93b654202082b89e92f26c33054 265934fefd5b170ba8a3497dd990b405 bec4fe0c122442e33d50e91367e1e4ea1c0b202124b58914953947ff82454f92
adiantum 256 encblkno1 1 512 ba2df0ed9e289861561f5ac4d1e507664c7676a0e7baa9bcc66e67be6ed781de 30dc68c9e26435ff715520a6ec7d0fa3 cebe6fe3e6168901070cd6f37a1cf83d7c66e0a91b33095b4a2bf85cb35cee9e
`

// seven is a sector that is not zeros.
func seven() []byte {
	p := make([]byte, 512)
	for i := range p {
		p[i] = byte(7*i + 3)
	}
	return p
}

func vectors(tb testing.TB) []vector {
	all := kernelVectors(tb)
	for line := range strings.Lines(strings.TrimSpace(wholeVectors)) {
		var v vector
		if _, err := fmt.Sscan(line, &v.alg, &v.bits, &v.iv, &v.sector, &v.size, &v.first, &v.last, &v.sum); err != nil {
			tb.Fatalf("%q: %v", line, err)
		}
		v.key = hex.EncodeToString(counting(v.bits / 8))
		all = append(all, v)
	}
	counts := hex.EncodeToString(counting(32))
	return append(all,
		vector{"aes-cbc", 256, "encblkno1", 1, 4096, counts, nil, "", "", "8fb04e0b21f46767090c746d142e31a5df380131df2bd4002dff07dff65d02b8"},
		vector{"aes-xts", 256, "encblkno1", 1, 4096, counts, nil, "", "", "c8d461b545da04feab6ef01b5d099fea853841821164cc30f3e6c65940cc7401"},
		vector{"adiantum", 256, "encblkno1", 1, 4096, counts, nil, "", "", "c08a29697dabaddd91423bc580c063febbd55d402c7358ee44a87d0e4114be7f"},
		vector{"aes-cbc", 128, "encblkno1", 5, 512, counts[:32], seven(), "", "", "35be456b91ad32b023ef49c700f68ff540e24933e578f35fcf98b1cc7532e11f"},
		vector{"aes-xts", 256, "encblkno1", 5, 512, counts, seven(), "", "", "8dc60f7d82d30947a5faf44e86a8ff6ab486c9434b64463882096a8021a4e6bb"},
	)
}

// window is a disk whose sectors from a number on are in memory: sector numbers in vectors are large.
type window struct {
	*blockdev.Memory
	start int64
}

func (w window) Size() int64 { return w.start + w.Memory.Size() }
func (w window) ReadAt(p []byte, off int64) (int, error) {
	return w.Memory.ReadAt(p, off-w.start)
}
func (w window) WriteAt(p []byte, off int64) (int, error) {
	return w.Memory.WriteAt(p, off-w.start)
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name(), func(t *testing.T) {
			mem, err := blockdev.NewMemorySectors(int64(v.size), v.size)
			if err != nil {
				t.Fatal(err)
			}
			off := int64(v.sector) * int64(v.size)
			d, err := cgd.New(window{mem, off}, cgd.Cipher{Algorithm: v.alg, IVMethod: v.iv, KeyLength: v.bits}, unhex(t, v.key))
			if err != nil {
				t.Fatal(err)
			}
			plain := append(bytes.Clone(v.plain), make([]byte, v.size-len(v.plain))...)
			if _, err := d.WriteAt(plain, off); err != nil {
				t.Fatal(err)
			}
			got := mem.Bytes()
			if first := unhex(t, v.first); !bytes.HasPrefix(got, first) {
				t.Errorf("ciphertext begins with %x, want %x", got[:len(first)], first)
			}
			if last := unhex(t, v.last); !bytes.HasSuffix(got, last) {
				t.Errorf("ciphertext ends with %x, want %x", got[len(got)-len(last):], last)
			}
			if sum := fmt.Sprintf("%x", sha256.Sum256(got)); v.sum != "" && sum != v.sum {
				t.Errorf("ciphertext has the sum %s, want %s", sum, v.sum)
			}
			back := make([]byte, v.size)
			if _, err := d.ReadAt(back, off); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("decrypted %x, %v; want %x", back[:64], err, plain[:64])
			}
		})
	}
}
