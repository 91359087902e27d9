/* Digests, HMAC, private keys and RS256 on OpenSSL. Nothing stays in OpenSSL's error queue: what
 * went wrong is in `error` (ACI_SIGN_ERROR bytes, always terminated). */
#ifndef ACI_CORE_SIGN_H
#define ACI_CORE_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#define ACI_SIGN_ERROR 200
#define ACI_DIGEST_ROOM 64

typedef enum aci_digest { ACI_MD5, ACI_SHA1, ACI_SHA256, ACI_SHA512 } aci_digest;

/* A view of somebody's bytes, and bytes of our own; the latter are wiped when they are freed. */
typedef struct aci_view {
    const void *bytes;
    size_t length;
} aci_view;

typedef struct aci_blob {
    unsigned char *bytes;
    size_t length;
} aci_blob;

void aci_blob_free(aci_blob *blob); /* idempotent; not the struct itself */

/* Write the digest to out (ACI_DIGEST_ROOM bytes); returns its length, 0 on a fault. */
size_t aci_digest_write(aci_digest kind, aci_view data, unsigned char *out);

/* The digest of bytes that come in pieces: begin (NULL on a fault), add, and the value of what was
 * added so far (length as above; more may be added). Free it in the end; NULL is fine. */
void *aci_digest_begin(aci_digest kind);
bool aci_digest_add(void *digest, aci_view data);
size_t aci_digest_value(const void *digest, unsigned char *out);
void aci_digest_free(void *digest);

/* The digest of bytes with a key (RFC 2104). */
size_t aci_hmac_write(aci_digest kind, aci_view key, aci_view data, unsigned char *out);

/* Are they the same? Takes the same time wherever they differ (not for different lengths). */
bool aci_same_bytes(aci_view a, aci_view b);

/* Random bytes from the kernel; false where there are none. */
bool aci_random(void *out, size_t length);

/* Make a private key, as PEM (PKCS#8): RSA of so many bits, or P-256 where bits is 0. */
bool aci_key_make(int rsa_bits, aci_blob *pem, char *error);

/* RSA signatures of RFC 7518 3.3 and 3.5, both with SHA-256: RSASSA-PKCS1-v1_5, and RSASSA-PSS with
 * a salt of 32 bytes. */
typedef enum aci_scheme { ACI_RS256, ACI_PS256 } aci_scheme;

/* Sign by a private key in PEM. Keys under 2048 bits are refused. */
bool aci_rsa_sign(aci_scheme scheme, aci_view key, aci_view data, aci_blob *signature, char *error);

/* Whether the signature is that of a certificate, a public or a private key in PEM: 1 or 0; -1
 * where the key cannot be used. */
int aci_rsa_verify(aci_scheme scheme, aci_view key, aci_view data, aci_view signature, char *error);

/* Modulus and exponent, big-endian without leading zeros, of an RSA key or certificate in PEM. */
bool aci_rsa_public(aci_view key, aci_blob *modulus, aci_blob *exponent, char *error);

#endif
