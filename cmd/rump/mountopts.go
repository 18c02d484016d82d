package main

import (
	"fmt"
	"slices"
	"strings"
)

// mountOptions are the words after -o.
type mountOptions struct {
	readOnly, async, noAtime, force bool
	log                             bool
	allowOther, asCaller            bool
	offset, size                    int64

	keys *keyring // of encrypted images; nil is one that asks on the terminal
}

// mountWords are the words that stand alone, with what they do. Words of mount(8) that change nothing here are accepted.
var mountWords = map[string]func(*mountOptions){
	"ro":          func(o *mountOptions) { o.readOnly = true },
	"rdonly":      func(o *mountOptions) { o.readOnly = true },
	"rw":          func(o *mountOptions) { o.readOnly = false },
	"async":       func(o *mountOptions) { o.async = true },
	"noasync":     func(o *mountOptions) { o.async = false },
	"log":         func(o *mountOptions) { o.log = true },
	"nolog":       func(o *mountOptions) { o.log = false },
	"noatime":     func(o *mountOptions) { o.noAtime = true },
	"force":       func(o *mountOptions) { o.force = true },
	"allow_other": func(o *mountOptions) { o.allowOther = true },
	"as-caller":   func(o *mountOptions) { o.asCaller = true },
	"nosuid":      func(*mountOptions) {}, // a mount by an ordinary user always is
	"nodev":       func(*mountOptions) {},
}

// parseMountOptions reads lists of words separated by commas.
func parseMountOptions(lists []string) (o mountOptions, err error) {
	for _, list := range lists {
		for word := range strings.SplitSeq(list, ",") {
			if err := o.word(word); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

func (o *mountOptions) word(word string) error {
	name, value, has := strings.Cut(word, "=")
	switch {
	case word == "":
		return nil
	case name == "offset" && has:
		return setBytes(&o.offset, name, value)
	case name == "size" && has:
		return setBytes(&o.size, name, value)
	case has && mountWords[name] != nil:
		return fmt.Errorf("-o %s takes no value", name)
	}
	set := mountWords[word]
	if set == nil {
		known := []string{"offset=BYTES", "size=BYTES"}
		for w := range mountWords {
			known = append(known, w)
		}
		slices.Sort(known)
		return fmt.Errorf("-o %s: unknown option; known are %s", name, strings.Join(known, ", "))
	}
	set(o)
	return nil
}

func setBytes(to *int64, name, value string) error {
	n, err := parseSize(value, 1)
	if err != nil || n < 0 {
		return fmt.Errorf("-o %s=%s: a number of bytes is wanted", name, value)
	}
	*to = n
	return nil
}
