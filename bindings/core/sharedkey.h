/* Azure Storage's Shared Key: the text that is signed for a request to the Blob service
 * (x-ms-version 2015-02-21 and later). The signature is
 * base64(HMAC-SHA256(unbase64(account key), text)), sent as "SharedKey ACCOUNT:signature".
 *
 * Documented in "Authorize with Shared Key" of the Storage REST reference; where the service does
 * otherwise than that page says, we do as the service. */
#ifndef ACI_CORE_SHAREDKEY_H
#define ACI_CORE_SHAREDKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "emit.h"

typedef struct aci_text {
    const char *at;
    size_t length;
} aci_text;

typedef struct aci_shared_header {
    aci_text name, value; /* the name in any case */
} aci_shared_header;

/* One request, as it goes on the wire. */
typedef struct aci_shared_request {
    aci_text method, account; /* account with or without "-secondary" */
    aci_text target;          /* path and query exactly as on the request line */
    aci_shared_header *headers;
    size_t count;
} aci_shared_request;

/* Write the text to out, which holds any fault (no memory). Reorders headers.
 * - An empty path counts as "/". Path style addresses name the account twice, as they should.
 * - Query values are percent-decoded, "+" stays; values of one name are sorted, joined by ",".
 * - Content-Length 0 is signed as nothing; Date is left out where x-ms-date is there.
 * - x-ms-* values lose the white space around them, nothing inside: services disagree about that.
 */
void aci_shared_key_text(const aci_shared_request *request, aci_emit *out);

/* "account-secondary" is signed as "account". */
aci_text aci_without_secondary(aci_text account);

#endif
