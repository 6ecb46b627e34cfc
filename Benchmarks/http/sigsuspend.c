// Preloaded into a server under valgrind 3.19, which writes into sigsuspend's mask and so crashes where the mask is
// constant, as in libdispatch's main thread.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    // The kernel's mask has 64 bits.
    unsigned long copy = *(const unsigned long *)mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, sizeof copy);
}
