// Package tree is a tree of files on its way into a disk image: one list in one order, whatever it was made from (host
// directories, tar archives, mtree specifications, or some of each on top of one another).
//
// The order is by depth; within a depth by the directory's path, component by component; within a directory by name. So
// the groups of names (one a directory) come in the order in which the directories themselves were named, and two
// readers that go forward are all it takes to build directories. The list, the sorting and the finding of hard links
// live in a few megabytes and spill to a file that has no name; a tree of ten million files takes no more memory than one
// of a hundred thousand.
package tree
