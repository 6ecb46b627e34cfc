// Header only: libpq's public interface.
#ifndef SCRAPE_CPOSTGRES_SHIM_H
#define SCRAPE_CPOSTGRES_SHIM_H
#include <libpq-fe.h>
#endif
