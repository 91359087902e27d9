/* Certificates for the local cloud: an authority (CA) and certificates that it signs.
 * P-256 (RSA for logins) and SHA-256 throughout. Functions return 0, or -1 with the reason in
 * `error` (ACI_X509_ERROR bytes, always terminated); they leave OpenSSL's error queue empty. */
#ifndef ACI_X509_H
#define ACI_X509_H

#include <openssl/types.h>
#include <stddef.h>
#include <time.h>

#define ACI_X509_ERROR 200

/* A certificate and its private key. A zeroed one is empty. */
typedef struct aci_identity {
    X509 *certificate;
    EVP_PKEY *key;
} aci_identity;

/* The PEM text of an identity, each NUL-terminated; `aci_pem_free` wipes the key. */
typedef struct aci_pem {
    char *certificate;
    size_t certificate_len;
    char *key;
    size_t key_len;
} aci_pem;

/* Make a self-signed authority called `name` (1 to 64 bytes) that is valid for `days`. */
int aci_identity_ca(aci_identity *out, const char *name, long days, char *error);

/* Make a certificate for `names` (DNS names, `*.` allowed, or IP addresses; at least one), signed
 * by `ca`, valid for `days` but never longer than the authority. */
int aci_identity_leaf(aci_identity *out, const aci_identity *ca, const char *const *names,
                      size_t count, long days, char *error);

/* Make a self-signed certificate with an RSA key of 2048 bits, as applications log in with: called
 * `name`, valid from `from` (epoch seconds) for `days`. */
int aci_identity_login(aci_identity *out, const char *name, time_t from, long days, char *error);

/* Read an identity from PEM text; refuses a key that does not belong to the certificate. */
int aci_identity_parse(aci_identity *out, const char *certificate, size_t certificate_len,
                       const char *key, size_t key_len, char *error);

/* Write an identity as PEM text (PKCS#8, unencrypted). */
int aci_identity_print(const aci_identity *identity, aci_pem *out, char *error);

/* Is `name` a DNS name (letters, digits, `-`, `_`, dots, a leading `*.`) or an IP address? */
int aci_identity_name_ok(const char *name);

void aci_identity_free(aci_identity *identity); /* idempotent; not the struct itself */
void aci_pem_free(aci_pem *pem);                /* idempotent; not the struct itself */

/* Put OpenSSL's first error, after `what`, into `error`, and empty its queue. */
void aci_x509_reason(char *error, const char *what);

#endif
