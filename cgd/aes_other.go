//go:build !amd64 || purego

package cgd

// fastCBC is for processors whose AES instructions have code of ours; nil on others.
func fastCBC(Cipher, []byte, int) transform { return nil }

// fastXTS is for processors whose AES instructions have code of ours; nil on others.
func fastXTS([]byte, int) transform { return nil }
