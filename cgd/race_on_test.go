//go:build race

package cgd

const raceEnabled = true
