/* When is another try worth it, and how long to wait before it. Only the arithmetic: how many
 * tries, and what may be repeated at all, is said in bindings/lua/aci/http.lua. */
#ifndef ACI_RETRY_H
#define ACI_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May a request of this method be sent twice without harm (RFC 9110, 9.2.2)? */
bool aci_retry_method(const char *method);

/* 408, 429, 500, 502, 503, 504. */
bool aci_retry_status(int status);

/* Seconds that a header asks for, or -1: Retry-After (seconds or one of HTTP's three dates,
 * against `now`, seconds since 1970), retry-after-ms, x-ms-retry-after-ms. Names in lower case. */
double aci_retry_after(const char *name, const char *value, double now);

/* Seconds before try number `next` (2, 3, ...): 0.5 s doubling, at most `cap`, of which the upper
 * half is drawn by `random` so that many clients do not come back at once. */
double aci_retry_backoff(int next, double cap, uint32_t random);

/* An HTTP date in seconds since 1970; -1 when it is none. */
double aci_retry_date(const char *text);

#endif
