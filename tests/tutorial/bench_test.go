package tutorial

import (
	"context"
	"testing"

	"rump/netbsd"
	"rump/sysproxy/client"
	"rump/tests/actor"
)

// BenchmarkStart is a server with every component, from the command in a shell to the answer to its first sysctl. The genuine server took 9
// to 18 ms for that on the machine where this was written; ours takes 9 to 10 when nothing else wants the processors (chrt -r 10).
func BenchmarkStart(b *testing.B) {
	a := actor.New(b)
	url := "unix://" + a.Path("rumpserver")
	for b.Loop() {
		a.Run("rump_allserver", url)
		c, err := client.Dial(context.Background(), url, client.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.SysctlGet(client.Mib{netbsd.CTL_KERN, netbsd.KERN_HOSTNAME}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.Reboot(0); err != nil {
			b.Fatal(err)
		}
		c.Close()
		b.StartTimer()
	}
}
