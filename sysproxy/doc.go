// Package sysproxy is the protocol by which programs make system calls in a rump kernel elsewhere (rump_sp(7)): the
// addresses of servers, and the frames that go over a stream socket.
//
// The server is package sysproxy/server, the client sysproxy/client. Both speak protocol 0.4 of NetBSD 7.99.34, frame for
// frame, so that genuine programs are at either end.
//
// A frame is a header and a body. A client asks for system calls; while one is under way the server asks for the client's
// memory (COPYIN) or writes to it (COPYOUT). Addresses are the client's and mean nothing to the server. Who asks numbers
// the request, and the answer has that number.
package sysproxy
