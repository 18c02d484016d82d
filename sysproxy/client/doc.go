// Package client makes system calls in a rump kernel elsewhere, over sysproxy. It speaks to our server and to genuine ones.
//
// A Client is a process in the server: it has descriptors, a current directory and credentials there. Its methods are the
// system calls; errors are of type netbsd.Errno, and errors.Is(err, fs.ErrNotExist) and the like hold. Any number of
// goroutines may use one Client.
//
// The server reads and writes memory of this process. It never sees an address of it: each call numbers the pieces it
// offers, and what is asked for beyond them ends the connection.
package client
