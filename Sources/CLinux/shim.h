// Header only: the Linux calls that Swift's Glibc module leaves out.
#ifndef HTTPCORE_CLINUX_SHIM_H
#define HTTPCORE_CLINUX_SHIM_H
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Hidden from Swift by _GNU_SOURCE, which may not differ between two modules that share headers.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);
#endif
