/* libcurl's multi handle on the loop: all transfers of the process share its connections, its
 * names and its TLS sessions. */
#ifndef ACI_MULTI_H
#define ACI_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

/* A handle, or NULL; aci_multi_give_back ends it. Making one anew costs as much as sending a small
 * request, so one that has ended well is kept for the next, with its options where it is `plain`
 * and the next one is too: *dressed says so. Otherwise they are the default ones. */
CURL *aci_multi_easy(bool plain, bool *dressed);
void aci_multi_give_back(CURL *easy, bool well, bool plain); /* out of the multi; may be NULL */

/* Starts the transfer; `ended(owner, code)` is called in a later turn, when curl is done with it
 * and the handle is out of the multi. 0 or -ENOMEM. */
int aci_multi_add(CURL *easy, void *owner, void (*ended)(void *owner, CURLcode code));

/* Takes a running transfer out; `ended` is not called. Not allowed in curl's callbacks. */
void aci_multi_remove(CURL *easy);

/* At most so many connections to one host; further transfers wait for one of them. 0 is no limit.
 */
void aci_multi_connections(long per_host);

/* Closes all connections. No transfer may be running. The next add opens it again. */
void aci_multi_close(void);

#endif
