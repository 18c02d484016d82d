// Package diskfs reads formats of other systems by way of github.com/diskfs/go-diskfs, which only it imports.
package diskfs
