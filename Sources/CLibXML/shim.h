// Header only: what of libxml2 the extraction uses.
#ifndef SCRAPE_CLIBXML_SHIM_H
#define SCRAPE_CLIBXML_SHIM_H
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#endif
