// Header only: what of zlib the extraction uses.
#ifndef SCRAPE_CZLIB_SHIM_H
#define SCRAPE_CZLIB_SHIM_H
#include <zlib.h>

// Macros, which Swift does not see. The window of 15 bits and 16 more: gzip's wrapper (RFC 1952), nothing else.
static inline int czlib_inflate_init_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
#endif
