package tool

import (
	"context"
	"errors"
	"syscall"

	"rump/rumpfs/vfs"
)

// attributes gives a copy what the original has: all if they are to be preserved, else the mode less the mask. f is the copy if it
// is open. What the destination cannot hold is left out without a word if no file of its kind can have it there.
func (c *copier) attributes(ctx context.Context, st *Stat, to string, f File) {
	set := func(a vfs.SetAttr) error {
		if f != nil {
			return f.SetAttr(ctx, a)
		}
		return c.dst.SetAttr(ctx, to, false, a)
	}
	if !c.preserve {
		if err := set(vfs.SetAttr{Mask: vfs.SetMode, Mode: st.Mode & 0o777 &^ fileMask}); err != nil {
			c.env.Warn(to, err)
		}
		return
	}
	a := vfs.SetAttr{
		Mask: vfs.SetMode | vfs.SetAtime | vfs.SetMtime, Mode: st.Mode,
		UID: st.UID, GID: st.GID, Atime: st.Atime, Mtime: st.Mtime, Flags: st.Flags,
	}
	if c.noOwners {
		c.dropSetID(ctx, &a, to)
	} else {
		a.Mask |= vfs.SetUID | vfs.SetGID
	}
	if set(a) != nil {
		c.setEach(ctx, set, a, to)
	}
	if flags := st.Flags &^ vfs.FlagSnapshot; flags != 0 {
		err := set(vfs.SetAttr{Mask: vfs.SetFlags, Flags: flags})
		if err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
			c.env.Warn(to, err)
		}
	}
}

// setEach sets one attribute after the other, so that those that are refused do not keep the others back.
func (c *copier) setEach(ctx context.Context, set func(vfs.SetAttr) error, a vfs.SetAttr, to string) {
	one := func(mask vfs.SetMask) error {
		if mask &= a.Mask; mask == 0 {
			return nil
		}
		part := a
		part.Mask = mask
		return set(part)
	}
	err := one(vfs.SetUID | vfs.SetGID)
	if errors.Is(err, syscall.EPERM) {
		c.noOwners = true
		c.dropSetID(ctx, &a, to)
	} else if err != nil {
		c.env.Warnf("%s: set owner %d:%d: %s", to, a.UID, a.GID, Reason(err))
	}
	if err := one(vfs.SetMode); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		c.env.Warnf("%s: set mode: %s", to, Reason(err))
	}
	if err := one(vfs.SetAtime | vfs.SetMtime); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		c.env.Warnf("%s: set times: %s", to, Reason(err))
	}
}

// dropSetID takes set-id bits away from a copy that belongs to somebody else than the original.
func (c *copier) dropSetID(ctx context.Context, a *vfs.SetAttr, to string) {
	if a.Mode&(setUID|setGID) == 0 {
		return
	}
	st, err := c.dst.Stat(ctx, to, false)
	if err != nil || st.UID != a.UID {
		a.Mode &^= setUID
	}
	if err != nil || st.GID != a.GID {
		a.Mode &^= setGID
	}
}
