// Header only: linking the library replaces malloc and free for the whole process.
#ifndef SCRAPE_CMIMALLOC_SHIM_H
#define SCRAPE_CMIMALLOC_SHIM_H
#include <mimalloc.h>
#endif
