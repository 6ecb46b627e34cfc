// Header only: libcurl's variadic setters, one typed inline function each (Swift cannot call C varargs).
#ifndef SCRAPE_CCURL_SHIM_H
#define SCRAPE_CCURL_SHIM_H
#include <curl/curl.h>

static inline CURLcode scrape_easy_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode scrape_easy_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}
#endif
