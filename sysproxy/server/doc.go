// Package server answers system calls that come over sysproxy: it turns each into a method of proc.Process, and moves
// arguments and results between the client's memory and Go values.
//
// One goroutine at a time reads a connection. It also runs the calls that come in, one after the other; while a call waits for
// the client's memory it reads on, and starts others that arrive meanwhile on goroutines of their own. A call that is
// going to wait for something else hands reading over first (call.Waiting). So a client that makes one call at a time is
// served by one goroutine that never hands anything to another.
//
// Locks, outermost first:
//
//	Server.mu      connections and prepared forks
//	conn.mu        who waits for memory; the state of the connection
//	conn.writeMu   the socket's sending half: frames of one call stay in order
package server
