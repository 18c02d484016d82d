package main

import (
	"context"
	"errors"

	"rump/netbsd"
)

// haltCmd ends a server.
type haltCmd struct {
	Dump   bool `short:"d" help:"With a core dump, and nothing written."`
	Halt   bool `short:"h" help:"The server's process stays, and does nothing any more."`
	NoSync bool `short:"n" help:"Write and unmount nothing."`
}

// Help shows examples.
func (haltCmd) Help() string {
	return `Ends the rump kernel that RUMP_SERVER names: what is mounted is written and unmounted, the server's socket is removed, and
its process ends. Returns once everything is written.

Examples:
  rump.halt
  rump.halt -d        (a core is only left if the server was started under ulimit -c)`
}

// Run asks the server.
func (h *haltCmd) Run(ctx context.Context, e *env) error {
	c, err := dialServer(ctx, e)
	if err != nil {
		return err
	}
	defer c.Close()
	how := uint32(netbsd.RB_AUTOBOOT)
	for flag, on := range map[uint32]bool{netbsd.RB_DUMP: h.Dump, netbsd.RB_HALT: h.Halt, netbsd.RB_NOSYNC: h.NoSync} {
		if on {
			how |= flag
		}
	}
	if err := c.Reboot(how); err != nil && !errors.Is(err, netbsd.ENOTCONN) { // gone before it could answer
		return err
	}
	return nil
}
