// Header only: what of libxml2 the extraction uses.
#ifndef SCRAPE_CLIBXML_SHIM_H
#define SCRAPE_CLIBXML_SHIM_H
#include <libxml/xmlversion.h>
// Debian's libxml2 names ICU types in a private structure; ICU's headers clash with those Foundation brings along.
#undef LIBXML_ICU_ENABLED
#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <libxml/parser.h>
#include <libxml/SAX2.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

// Global variables of libxml2, which Swift 6 does not let code touch. Set once, before the first parse.
static inline void clibxml_set_max_depth(unsigned int depth) { xmlParserMaxDepth = depth; }
static inline void clibxml_free(void *memory) { xmlFree(memory); }

// glibc's searches in linear time; its headers show them to _GNU_SOURCE only.
extern void *memmem(const void *, size_t, const void *, size_t);
extern char *strcasestr(const char *, const char *);
#endif
