// Package blockmap finds out what every fragment of a Fast File System is used for, and draws it: as SVG, as PNG, or in a terminal.
//
// [Survey] reads the headers of the cylinder groups, all inodes in use and all indirect blocks, and believes none of them: what is claimed
// twice, what is claimed but free, and what is neither free nor claimed shows. It counts into cells, of which there are as many as a picture
// wants, so that a volume of any size fits one; beside those it keeps one bit for each fragment of groups that files have something in.
package blockmap
