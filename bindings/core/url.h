/* URLs as bytes: percent-encoding, the parts of an absolute URL, a reference against its base.
 * Nothing is normalised: what a service signs is what was written. */
#ifndef ACI_URL_H
#define ACI_URL_H

#include <stdbool.h>
#include <stddef.h>

/* A part of somebody else's text; NULL when the part is missing. */
typedef struct aci_url_part {
    const char *at;
    size_t length;
} aci_url_part;

typedef struct aci_url {
    aci_url_part scheme, host, path, query; /* host without the brackets of an IPv6 address */
    bool userinfo;                          /* there was a "name:password@" */
    int port;                               /* 0: none given */
} aci_url;

/* Percent-encodes all but RFC 3986's unreserved characters and those in `keep` (may be NULL).
 * `out` has room for 3 * length bytes; returns how many were written. */
size_t aci_url_escape(const char *text, size_t length, const char *keep, char *out);

/* Parts of an absolute http or https URL. NULL when it is one, else what is wrong with it. */
const char *aci_url_parse(const char *text, size_t length, aci_url *url);

/* Is it this machine? localhost and its subdomains, 127.0.0.0/8, ::1. */
bool aci_url_loopback(aci_url_part host);

/* Where a Location header leads from `base` (an absolute URL). malloc'd; NULL without memory. */
char *aci_url_resolve(const char *base, const char *reference);

#endif
