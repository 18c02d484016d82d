package netbsd

import "errors"

// A Dirent is one entry of a directory (struct dirent).
type Dirent struct {
	Fileno uint64
	Type   uint8 // DT_REG and so on
	Name   string
}

// Offsets in struct dirent.
const (
	offDirFileno = 0
	offDirReclen = 8
	offDirNamlen = 10
	offDirType   = 12
	offDirName   = 13

	direntMin = 16
)

// DirentSize is the length of the record of a name of so many bytes.
func DirentSize(name int) int { return (offDirName + name + 1 + 7) &^ 7 }

// AppendDirent adds a record to b. Names are at most 511 bytes.
func AppendDirent(b []byte, fileno uint64, kind uint8, name []byte) []byte {
	at, size := len(b), DirentSize(len(name))
	b = append(b, make([]byte, size)...)
	r := b[at:]
	le.PutUint64(r[offDirFileno:], fileno)
	le.PutUint16(r[offDirReclen:], uint16(size))
	le.PutUint16(r[offDirNamlen:], uint16(len(name)))
	r[offDirType] = kind
	copy(r[offDirName:], name)
	return b
}

var errDirent = errors.New("directory entry: lengths that do not fit")

// NextDirent takes the first record off b.
func NextDirent(b []byte) (d Dirent, rest []byte, err error) {
	if len(b) < direntMin {
		return d, nil, errDirent
	}
	size, name := int(le.Uint16(b[offDirReclen:])), int(le.Uint16(b[offDirNamlen:]))
	if size < direntMin || size > len(b) || offDirName+name > size {
		return d, nil, errDirent
	}
	d = Dirent{le.Uint64(b[offDirFileno:]), b[offDirType], string(b[offDirName : offDirName+name])}
	return d, b[size:], nil
}
