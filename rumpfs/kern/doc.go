// Package kern is one rump process: mounts, vnodes, name lookup, and every change of a name space, locked and checked
// once for all file systems.
//
// A Kernel has a root file system and others mounted on its directories. Programs come in through a Door: each method of
// it is one system call on vnodes. A Door is told, by its Observer, what the other doors changed.
//
// Locks, outermost first; indentation means: taken while holding the line above.
//
//	Mount.callMu             shared: Sync of a file system; exclusive: its Unmount
//	Mount.renameMu           rename and rmdir: whoever locks two directories
//	  Vnode.mu               the lock that vfs speaks of: directory before what it names; several directories, or several
//	                         files, only under renameMu, and then in any order
//	    Mount.numberMu       shared: a new node gets its vnode; exclusive: a node is loaded by its bare number
//	      a file system's own locks
//	    Kernel.nsMu          the mount table; a leaf but for shard.mu
//	    shard.mu             a slice of the vnode cache; a leaf: never held while waiting
//	    lockTable.mu         the advisory locks of a vnode
//	      Kernel.waitMu      who waits for whose advisory lock; a leaf
//
// Since only one goroutine of a mount at a time holds two directories, a damaged directory that names its own ancestor
// cannot make two of them wait for each other.
//
// No lock is held while an Observer runs.
//
// References. A *Vnode that a method returns is a reference, which Unref gives back; arguments are borrowed. A vnode
// without references stays in the cache, its Node loaded, until it has not been used for long or its last name is
// gone.
package kern
