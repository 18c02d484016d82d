// Package mkfs makes Fast File Systems: [Newfs] an empty one on a disk, [Makefs] one from a tree of files.
//
// Sizes, places and messages are those of the historic tools, so that scripts and people find what they know; where the
// historic tools fail on a tree because they guessed the size of the image, Makefs calculates it.
package mkfs
