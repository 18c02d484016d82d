// Package dump describes a Fast File System: [Text] as dumpfs(8) prints it, to the byte, and [JSON] for programs.
//
// Both go through the volume from its beginning and keep no more of it than a block, so that a volume of any size can be described. A
// structure that is damaged is shown as far as it can be, with what is wrong.
package dump
