package tree

import (
	"io"
	"time"
)

// A Source says what a tree is made of: layers on top of one another. First come the host directories, then the
// archives, then the specifications. Directories of the same name become one. Something else of the same name is replaced
// by an archive's, changed by a specification, and in a further host directory an error unless Replace is set.
type Source struct {
	Dirs    []string  // host directories
	Tars    []Archive // tar archives
	Specs   []Spec    // mtree specifications
	Replace bool      // later host directories win

	OnlySpec       bool      // leave out what no specification names
	AllowDuplicate bool      // a name that a specification has twice gets a warning, and the later one wins
	ContentRoot    string    // directory that contents= of a specification is relative to; "" is the present one
	Users          Users     // names of owners in specifications to numbers; nil: names are not known
	TarNames       bool      // Users is for archives too, whose numbers count otherwise
	Xattrs         bool      // read extended attributes
	Now            time.Time // for entries of specifications without a time; zero is the present

	Skip    func(dev, ino uint64) bool // files of the host to leave out, such as the image that is being made
	TempDir string                     // "" is the system's
}

// An Archive is a tar archive, uncompressed. Where it is no io.ReaderAt (a pipe) it is copied to a temporary file first.
type Archive struct {
	Name   string // in messages
	Reader io.Reader
}

// A Spec is an mtree(5) specification.
type Spec struct {
	Name   string // in messages
	Reader io.Reader
}

// Users turns names of users and groups into numbers.
type Users interface {
	User(name string) (uint32, bool)
	Group(name string) (uint32, bool)
}

// A layer is where contents come from.
type layer struct {
	root    string      // a host directory
	archive io.ReaderAt // or an archive
	name    string
	close   func()
}

// fields say which fields of a patch mean something.
type fields uint32

const (
	fieldType fields = 1 << iota
	fieldMode
	fieldUID
	fieldGID
	fieldFlags
	fieldTime
	fieldSize
	fieldDevice
	fieldTarget
	fieldContents

	fieldOptional // leave the name out if no lower layer has it
	fieldWhole    // an entry, not a change of one
	fieldImplied  // a directory that something below has made necessary

	allFields = fieldType | fieldMode | fieldUID | fieldGID | fieldFlags | fieldTime | fieldSize | fieldDevice |
		fieldTarget | fieldContents | fieldWhole
)

// A patch is what a layer says of a name.
type patch struct {
	fields fields
	line   int // of a specification
	entry  Entry
}
