/* Digests, HMAC, private keys and RSA signatures: see sign.h. */
#include "sign.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LEAST_RSA_BITS 2048

void aci_blob_free(aci_blob *blob) {
    if (blob->bytes) {
        OPENSSL_cleanse(blob->bytes, blob->length);
    }
    free(blob->bytes);
    *blob = (aci_blob){0};
}

/* Always false, so that a fault is one line. */
static bool fail(char *error, const char *what) {
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(error, ACI_SIGN_ERROR, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return false;
}

static bool copy_blob(aci_blob *blob, const void *bytes, size_t length, char *error) {
    blob->bytes = malloc(length ? length : 1);
    if (!blob->bytes) {
        return fail(error, "not enough memory");
    }
    memcpy(blob->bytes, bytes, length);
    blob->length = length;
    return true;
}

/* --- digests ------------------------------------------------------------------------------ */

static const EVP_MD *method_of(aci_digest kind) {
    switch (kind) {
    case ACI_MD5:
        return EVP_md5();
    case ACI_SHA1:
        return EVP_sha1();
    case ACI_SHA512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

size_t aci_digest_write(aci_digest kind, aci_view data, unsigned char *out) {
    unsigned length = 0;
    int ok = EVP_Digest(data.bytes, data.length, out, &length, method_of(kind), NULL);
    ERR_clear_error();
    return ok == 1 ? length : 0;
}

void *aci_digest_begin(aci_digest kind) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, method_of(kind), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}

bool aci_digest_add(void *digest, aci_view data) {
    bool ok = EVP_DigestUpdate(digest, data.bytes, data.length) == 1;
    ERR_clear_error();
    return ok;
}

size_t aci_digest_value(const void *digest, unsigned char *out) {
    unsigned length = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool ok = copy && EVP_MD_CTX_copy_ex(copy, digest) == 1 &&
              EVP_DigestFinal_ex(copy, out, &length) == 1;
    EVP_MD_CTX_free(copy);
    ERR_clear_error();
    return ok ? length : 0;
}

void aci_digest_free(void *digest) {
    EVP_MD_CTX_free(digest);
}

size_t aci_hmac_write(aci_digest kind, aci_view key, aci_view data, unsigned char *out) {
    unsigned length = 0;
    if (key.length > INT32_MAX) {
        return 0;
    }
    unsigned char *ok =
        HMAC(method_of(kind), key.bytes, (int)key.length, data.bytes, data.length, out, &length);
    ERR_clear_error();
    return ok ? length : 0;
}

bool aci_same_bytes(aci_view a, aci_view b) {
    return a.length == b.length && CRYPTO_memcmp(a.bytes, b.bytes, a.length) == 0;
}

bool aci_random(void *out, size_t length) {
    unsigned char *to = out;
    while (length) {
        ssize_t got = getrandom(to, length, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0) {
            to += got;
            length -= (size_t)got;
        }
    }
    return true;
}

/* --- keys --------------------------------------------------------------------------------- */

/* Without a terminal prompt for the pass phrase of an encrypted key. */
static int no_pass_phrase(char *buffer, int size, int writing, void *data) {
    (void)buffer, (void)size, (void)writing, (void)data;
    return 0;
}

static bool is_memory(aci_view pem) {
    return pem.length > 0 && pem.length <= INT32_MAX;
}

static EVP_PKEY *read_private(aci_view pem, char *error) {
    BIO *bio = is_memory(pem) ? BIO_new_mem_buf(pem.bytes, (int)pem.length) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    if (!key) {
        fail(error, "cannot read the private key");
    }
    return key;
}

static EVP_PKEY *key_of_certificate(BIO *bio) {
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return key;
}

/* A public key, be it alone, in a certificate or in a private key. */
static EVP_PKEY *read_public(aci_view pem, char *error) {
    BIO *bio = is_memory(pem) ? BIO_new_mem_buf(pem.bytes, (int)pem.length) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_pass_phrase, NULL) : NULL;
    if (bio && !key && BIO_reset(bio) == 1) {
        key = key_of_certificate(bio);
    }
    if (bio && !key && BIO_reset(bio) == 1) {
        key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    }
    BIO_free(bio);
    ERR_clear_error(); /* of the forms that it was not */
    if (!key) {
        fail(error, "no public key, certificate or private key in PEM");
    }
    return key;
}

static bool check_rsa(const EVP_PKEY *key, char *error) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        return fail(error, "not an RSA key");
    }
    if (EVP_PKEY_get_bits(key) < LEAST_RSA_BITS) {
        return fail(error, "the RSA key is shorter than 2048 bits");
    }
    return true;
}

static bool write_private(EVP_PKEY *key, aci_blob *pem, char *error) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool done = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    long length = done ? BIO_get_mem_data(bio, &text) : 0;
    done = done ? copy_blob(pem, text, (size_t)length, error)
                : fail(error, "cannot write the private key");
    BIO_free(bio);
    return done;
}

bool aci_key_make(int rsa_bits, aci_blob *pem, char *error) {
    EVP_PKEY *key = rsa_bits ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits)
                             : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    bool done = key ? write_private(key, pem, error) : fail(error, "cannot make a key");
    EVP_PKEY_free(key);
    return done;
}

/* --- RS256 and PS256 ---------------------------------------------------------------------- */

/* PSS as RFC 7518 3.5 wants it: MGF1 with the same digest is the default, the salt is as long as
 * it. */
static bool set_scheme(aci_scheme scheme, EVP_PKEY_CTX *context) {
    return scheme == ACI_RS256 ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool sign_with(aci_scheme scheme, EVP_PKEY *key, aci_view data, aci_blob *signature,
                      char *error) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL;
    size_t length = (size_t)EVP_PKEY_get_size(key);
    signature->bytes = malloc(length);
    bool done = context && signature->bytes &&
                EVP_DigestSignInit(context, &padding, EVP_sha256(), NULL, key) == 1 &&
                set_scheme(scheme, padding) &&
                EVP_DigestSign(context, signature->bytes, &length, data.bytes, data.length) == 1;
    signature->length = done ? length : 0;
    EVP_MD_CTX_free(context);
    return done || fail(error, "cannot sign");
}

bool aci_rsa_sign(aci_scheme scheme, aci_view key, aci_view data, aci_blob *signature,
                  char *error) {
    EVP_PKEY *own = read_private(key, error);
    bool done = own && check_rsa(own, error) && sign_with(scheme, own, data, signature, error);
    EVP_PKEY_free(own);
    return done;
}

static int verify_with(aci_scheme scheme, EVP_PKEY *key, aci_view data, aci_view signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL;
    bool same =
        context && EVP_DigestVerifyInit(context, &padding, EVP_sha256(), NULL, key) == 1 &&
        set_scheme(scheme, padding) &&
        EVP_DigestVerify(context, signature.bytes, signature.length, data.bytes, data.length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return same;
}

int aci_rsa_verify(aci_scheme scheme, aci_view key, aci_view data, aci_view signature,
                   char *error) {
    EVP_PKEY *theirs = read_public(key, error);
    int same =
        theirs && check_rsa(theirs, error) ? verify_with(scheme, theirs, data, signature) : -1;
    EVP_PKEY_free(theirs);
    return same;
}

static bool number_of(const EVP_PKEY *key, const char *name, aci_blob *blob, char *error) {
    BIGNUM *number = NULL;
    bool done = EVP_PKEY_get_bn_param(key, name, &number) == 1;
    blob->length = done ? (size_t)BN_num_bytes(number) : 0;
    blob->bytes = done ? malloc(blob->length + 1) : NULL;
    if (blob->bytes) {
        BN_bn2bin(number, blob->bytes);
    }
    BN_free(number);
    return blob->bytes || fail(error, "cannot read the key's numbers");
}

bool aci_rsa_public(aci_view key, aci_blob *modulus, aci_blob *exponent, char *error) {
    EVP_PKEY *theirs = read_public(key, error);
    bool done = theirs && check_rsa(theirs, error) &&
                number_of(theirs, OSSL_PKEY_PARAM_RSA_N, modulus, error) &&
                number_of(theirs, OSSL_PKEY_PARAM_RSA_E, exponent, error);
    EVP_PKEY_free(theirs);
    return done;
}
