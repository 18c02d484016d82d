package ondisk

import "rump/internal/endian"

// Offsets in a record of extended attributes (struct extattr).
const (
	offEALength    = 0 // ea_length
	offEANamespace = 4 // ea_namespace
	offEAPad       = 5 // ea_contentpadlen
	offEANameLen   = 6 // ea_namelength
	offEAName      = 7 // ea_name
)

// Namespaces of extended attributes.
const (
	NamespaceUser   = 1
	NamespaceSystem = 2
)

// ExtAttr is one extended attribute of a UFS2 inode. Name and Content lie in the area.
type ExtAttr struct {
	Namespace uint8
	Name      []byte
	Content   []byte
	Off, Len  int // where in the area the record is
}

// ExtAttrAt decodes the record at off of area, which is ExtSize bytes long, in order. The list ends where off reaches the length
// of the area. The error is a *CorruptError.
//
//	for off := 0; off < len(area); off += a.Len {
//		a, err := ExtAttrAt(order, area, off)
//	}
func ExtAttrAt(order endian.Order, area []byte, off int) (a ExtAttr, err error) {
	fault := func(what string, v int64) (ExtAttr, error) {
		return ExtAttr{}, &CorruptError{What: "extended attribute: " + what, Value: v, Where: int64(off)}
	}
	if off < 0 || off >= len(area) || len(area)-off < offEAName+1 {
		return fault("bytes left of the area", int64(len(area)-off))
	}
	b := area[off:]
	length := int64(order.Uint32(b[offEALength:]))
	if length == 0 || length%8 != 0 || length > int64(len(b)) {
		return fault("length", length)
	}
	b = b[:length]
	name, pad := int(b[offEANameLen]), int(b[offEAPad])
	start := extAttrContent(name)
	if name == 0 || start > len(b) {
		return fault("name length", int64(name))
	}
	if pad > len(b)-start || pad > 7 {
		return fault("padding", int64(pad))
	}
	return ExtAttr{
		Namespace: b[offEANamespace],
		Name:      b[offEAName : offEAName+name : offEAName+name],
		Content:   b[start : len(b)-pad : len(b)-pad],
		Off:       off, Len: len(b),
	}, nil
}

// extAttrContent is where in a record the content begins.
func extAttrContent(name int) int { return (offEAName + name + 7) &^ 7 }

// ExtAttrSize is the bytes of a record with a name and a content of these lengths.
func ExtAttrSize(name, content int) int { return extAttrContent(name) + (content+7)&^7 }

// AppendExtAttr appends a record to area. The name has 1 to 255 bytes.
func AppendExtAttr(order endian.Order, area []byte, namespace uint8, name, content []byte) []byte {
	off := len(area)
	size := ExtAttrSize(len(name), len(content))
	area = append(area, make([]byte, size)...)
	b := area[off:]
	order.PutUint32(b[offEALength:], uint32(size))
	b[offEANamespace] = namespace
	b[offEANameLen] = byte(len(name))
	copy(b[offEAName:], name)
	start := extAttrContent(len(name))
	b[offEAPad] = byte(size - start - len(content))
	copy(b[start:], content)
	return area
}
