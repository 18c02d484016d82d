//go:build !purego

package cgd

// variants are all that our assembly has for an algorithm on this processor.
func variants(c Cipher, key []byte, sector int) map[string]transform {
	all := map[string]transform{}
	if !hasAES {
		return all
	}
	for _, wide := range []bool{false, true} {
		if wide && !hasVAES {
			continue
		}
		name := map[bool]string{false: "one block an instruction", true: "four blocks an instruction"}[wide]
		switch t := fastOfAlgorithm(c, key, sector).(type) {
		case *fastAESCBC:
			t.wide = wide
			all[name] = t
		case *fastAESXTS:
			t.wide = wide
			all[name] = t
		}
	}
	return all
}

func fastOfAlgorithm(c Cipher, key []byte, sector int) transform {
	switch c.Algorithm {
	case "aes-cbc":
		return fastCBC(c, key, sector)
	case "aes-xts":
		return fastXTS(key, sector)
	}
	return nil
}
