//go:build !amd64 || purego

package cgd

// variants are all that our assembly has for an algorithm on this processor: nothing.
func variants(Cipher, []byte, int) map[string]transform { return nil }
