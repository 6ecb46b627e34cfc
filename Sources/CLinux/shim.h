// Header only: the Linux calls that Swift's Glibc module leaves out.
#ifndef HTTPCORE_CLINUX_SHIM_H
#define HTTPCORE_CLINUX_SHIM_H
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Hidden from Swift by _GNU_SOURCE, which may not differ between two modules that share headers.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);
ssize_t preadv2(int descriptor, const struct iovec *buffers, int count, off_t offset, int flags);

// RWF_NOWAIT of preadv2(2), which <linux/fs.h> has as an expression that Swift cannot read.
enum { HTTPCORE_RWF_NOWAIT = 8 };
#endif
