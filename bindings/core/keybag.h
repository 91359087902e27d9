/* The files that an application's certificate comes in: PKCS#12 (.pfx), and PEM whose key may be
 * encrypted. All of them become PEM: a private key (PKCS#8, not encrypted) and certificates, the
 * one of the key first. Functions return false with the reason in `error` (ACI_SIGN_ERROR bytes).
 */
#ifndef ACI_CORE_KEYBAG_H
#define ACI_CORE_KEYBAG_H

#include <stdbool.h>
#include <stdint.h>

#include "sign.h"

typedef struct aci_keybag {
    aci_blob key;
    aci_blob certificates;
} aci_keybag;

/* Read PKCS#12; also what older programs wrote (RC2, where OpenSSL's legacy provider is installed).
 * `password` is terminated; NULL means none. */
bool aci_keybag_read(aci_keybag *bag, aci_view bytes, const char *password, char *error);

/* Read the first private key and all certificates of a PEM text. */
bool aci_keybag_read_pem(aci_keybag *bag, aci_view pem, const char *password, char *error);

/* Write PKCS#12 (AES-256, as OpenSSL 3 does). `password` NULL: none. */
bool aci_keybag_write(const aci_keybag *bag, const char *password, aci_blob *out, char *error);

void aci_keybag_free(aci_keybag *bag); /* idempotent; not the struct itself */

/* What a certificate in PEM says of itself. */
typedef struct aci_certificate_facts {
    aci_blob der;
    int64_t not_before, not_after; /* epoch seconds */
    char subject[256];             /* RFC 2253; cut where it is longer */
} aci_certificate_facts;

bool aci_certificate_read(aci_certificate_facts *facts, aci_view pem, char *error);

#endif
