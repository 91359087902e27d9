/* libcurl's multi handle on the loop: all transfers of the process share its connections, its
 * names and its TLS sessions. */
#ifndef ACI_MULTI_H
#define ACI_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

/* What options a handle has: those of a plain GET, which goes by the environment's proxy or
 * directly; or others, which only its own transfer has. */
typedef enum aci_dress { ACI_DRESS_OWN, ACI_DRESS_PLAIN, ACI_DRESS_DIRECT } aci_dress;

/* A handle, or NULL; aci_multi_give_back ends it. Making one anew costs as much as sending a small
 * request, so one that has ended well is kept for the next: in the dress that is wanted where
 * *dressed says so, otherwise with the default options. */
CURL *aci_multi_easy(aci_dress wanted, bool *dressed);
void aci_multi_give_back(CURL *easy, bool well,
                         aci_dress dress); /* out of the multi; may be NULL */

/* Adds the transfer; `ended(owner, code)` is called when curl is done with it and the handle is out
 * of the multi. 0 or -ENOMEM. */
int aci_multi_add(CURL *easy, void *owner, void (*ended)(void *owner, CURLcode code));

/* Begins what was added: over a kept connection the request is sent before this returns, and the
 * other side works while we find our way to the next turn. May call `ended`. Not allowed in curl's
 * callbacks. */
void aci_multi_begin(void);

/* Takes a running transfer out; `ended` is not called. Not allowed in curl's callbacks. */
void aci_multi_remove(CURL *easy);

/* At most so many connections to one host; further transfers wait for one of them. 0 is no limit.
 */
void aci_multi_connections(long per_host);

/* Closes all connections. No transfer may be running. The next add opens it again. */
void aci_multi_close(void);

#endif
