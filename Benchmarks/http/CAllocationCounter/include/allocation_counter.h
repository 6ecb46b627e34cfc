// An executable that links this target counts what it allocates: its malloc and relatives stand before glibc's.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

/// Calls of malloc, calloc, realloc and the aligned ones, by all threads since the start.
long allocation_count(void);

#endif
