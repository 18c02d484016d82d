package tests

import (
	"fmt"
	"testing"
)

// TestRemount mounts an image again at once after each unmount, read-only and read-write in turn: umount returns only when the image is free.
func TestRemount(t *testing.T) {
	a := newActor(t)
	a.run("mkdir", "mnt")
	a.run("rump", "newfs", "-V", "0", "-F", "-s", "8m", "d.img")
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for i := range rounds {
		a.run("rump", "mount", "d.img", "mnt")
		a.run("touch", fmt.Sprintf("mnt/f%d", i))
		a.run("rump", "umount", "mnt")
		a.run("rump", "mount", "-r", "d.img", "mnt")
		a.run("ls", fmt.Sprintf("mnt/f%d", i))
		a.run("rump", "umount", "d.img")
	}
	a.run("rump", "fsck", "-n", "-f", "d.img")
}
