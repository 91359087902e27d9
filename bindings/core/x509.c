#include "x509.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_DNS = 253,
    COMMON_NAME_MAX = 64,    /* ub-common-name of X.520 */
    BACKDATE = 24 * 60 * 60, /* seconds: clients whose clock is behind accept it too */
};

void aci_x509_reason(char *error, const char *what) {
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason)
        snprintf(error, ACI_X509_ERROR, "%s: %s", what, reason);
    else
        snprintf(error, ACI_X509_ERROR, "%s", what);
    ERR_clear_error();
}

static int fail(char *error, const char *what) {
    aci_x509_reason(error, what);
    return -1;
}

void aci_identity_free(aci_identity *identity) {
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    *identity = (aci_identity){0};
}

void aci_pem_free(aci_pem *pem) {
    if (pem->key)
        OPENSSL_cleanse(pem->key, pem->key_len);
    free(pem->key);
    free(pem->certificate);
    *pem = (aci_pem){0};
}

static int is_address(const char *name) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static int label_ok(const char *label, size_t len) {
    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
        return 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
            return 0;
    return 1;
}

int aci_identity_name_ok(const char *name) {
    if (is_address(name))
        return 1;
    if (strlen(name) > NAME_MAX_DNS)
        return 0;
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    for (;;) {
        size_t len = strcspn(name, ".");
        if (!label_ok(name, len))
            return 0;
        if (name[len] == 0)
            return 1;
        name += len + 1;
    }
}

/* 126 random bits with the top one set: positive, never zero, never twice. */
static int set_serial(X509 *certificate) {
    BIGNUM *number = BN_new();
    int ok = number && BN_rand(number, 126, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
             BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

static int set_validity(X509 *certificate, const X509 *issuer, long days) {
    if (!X509_gmtime_adj(X509_getm_notBefore(certificate), -(long)BACKDATE) ||
        !X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL))
        return 0;
    if (!issuer)
        return 1;
    const ASN1_TIME *latest = X509_get0_notAfter(issuer);
    if (ASN1_TIME_compare(X509_get0_notAfter(certificate), latest) <= 0)
        return 1;
    return X509_set1_notAfter(certificate, latest);
}

static int set_subject(X509 *certificate, const char *common_name) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"acihost",
                                      -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0);
}

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int ok = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/* What all kinds share; without `ca` it is its own issuer. */
static int begin(aci_identity *out, const aci_identity *ca, const char *common_name, long days) {
    out->key = out->key ? out->key : EVP_EC_gen("P-256");
    out->certificate = X509_new();
    X509 *c = out->certificate;
    return out->key && c && X509_set_version(c, X509_VERSION_3) && set_serial(c) &&
           set_validity(c, ca ? ca->certificate : NULL, days) && set_subject(c, common_name) &&
           X509_set_pubkey(c, out->key) &&
           X509_set_issuer_name(c, X509_get_subject_name(ca ? ca->certificate : c)) &&
           add_extension(c, c, NID_subject_key_identifier, "hash");
}

static int finish(aci_identity *out, const aci_identity *ca, int ok, char *error) {
    if (ok && X509_sign(out->certificate, ca ? ca->key : out->key, EVP_sha256()))
        return 0;
    aci_identity_free(out);
    return fail(error, "the certificate could not be made");
}

static int days_ok(long days, char *error) {
    if (days >= 1 && days <= 36500)
        return 1;
    snprintf(error, ACI_X509_ERROR, "a certificate is valid for 1 to 36500 days, not %ld", days);
    return 0;
}

int aci_identity_ca(aci_identity *out, const char *name, long days, char *error) {
    *out = (aci_identity){0};
    size_t len = strlen(name);
    if (!days_ok(days, error))
        return -1;
    if (len < 1 || len > COMMON_NAME_MAX)
        return fail(error, "the name of an authority has 1 to 64 bytes");
    int ok = begin(out, NULL, name, days) &&
             add_extension(out->certificate, out->certificate, NID_basic_constraints,
                           "critical,CA:TRUE,pathlen:0") &&
             add_extension(out->certificate, out->certificate, NID_key_usage,
                           "critical,keyCertSign,cRLSign");
    return finish(out, NULL, ok, error);
}

int aci_identity_login(aci_identity *out, const char *name, time_t from, long days, char *error) {
    *out = (aci_identity){0};
    size_t len = strlen(name);
    if (!days_ok(days, error))
        return -1;
    if (len < 1 || len > COMMON_NAME_MAX)
        return fail(error, "the name of a certificate has 1 to 64 bytes");
    out->key = EVP_RSA_gen(2048);
    int ok = out->key && begin(out, NULL, name, days) &&
             X509_time_adj_ex(X509_getm_notBefore(out->certificate), 0, 0, &from) &&
             X509_time_adj_ex(X509_getm_notAfter(out->certificate), (int)days, 0, &from);
    return finish(out, NULL, ok, error);
}

/* Adds one name; on failure the caller frees `names` and all that is in it. */
static int add_name(GENERAL_NAMES *names, const char *name) {
    int type = is_address(name) ? GEN_IPADD : GEN_DNS;
    void *value = NULL;
    if (type == GEN_IPADD) {
        value = a2i_IPADDRESS(name);
    } else if ((value = ASN1_IA5STRING_new()) && !ASN1_STRING_set(value, name, -1)) {
        ASN1_IA5STRING_free(value);
        value = NULL;
    }
    GENERAL_NAME *entry = value ? GENERAL_NAME_new() : NULL;
    if (!entry) {
        ASN1_STRING_free(value);
        return 0;
    }
    GENERAL_NAME_set0_value(entry, type, value);
    if (sk_GENERAL_NAME_push(names, entry) > 0)
        return 1;
    GENERAL_NAME_free(entry);
    return 0;
}

static int add_names(X509 *certificate, const char *const *names, size_t count) {
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    int ok = list != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_name(list, names[i]);
    ok = ok && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

static int names_ok(const char *const *names, size_t count, char *error) {
    if (count == 0)
        return fail(error, "a certificate needs at least one name") == 0;
    for (size_t i = 0; i < count; i++)
        if (!aci_identity_name_ok(names[i])) {
            snprintf(error, ACI_X509_ERROR, "'%.100s' is neither a DNS name nor an IP address",
                     names[i]);
            return 0;
        }
    return 1;
}

int aci_identity_leaf(aci_identity *out, const aci_identity *ca, const char *const *names,
                      size_t count, long days, char *error) {
    *out = (aci_identity){0};
    if (!days_ok(days, error) || !names_ok(names, count, error))
        return -1;
    /* A longer name stands in the alternative names only, where clients look. */
    const char *common_name = strlen(names[0]) <= COMMON_NAME_MAX ? names[0] : "acihost";
    int ok = begin(out, ca, common_name, days) && add_names(out->certificate, names, count) &&
             add_extension(out->certificate, ca->certificate, NID_authority_key_identifier,
                           "keyid:always") &&
             add_extension(out->certificate, ca->certificate, NID_basic_constraints,
                           "critical,CA:FALSE") &&
             add_extension(out->certificate, ca->certificate, NID_key_usage,
                           "critical,digitalSignature") &&
             add_extension(out->certificate, ca->certificate, NID_ext_key_usage, "serverAuth");
    return finish(out, ca, ok, error);
}

/* Without this callback OpenSSL would ask on the terminal for the password of an encrypted key. */
static int no_password(char *text, int size, int writing, void *data) {
    (void)text, (void)size, (void)writing, (void)data;
    return -1;
}

int aci_identity_parse(aci_identity *out, const char *certificate, size_t certificate_len,
                       const char *key, size_t key_len, char *error) {
    *out = (aci_identity){0};
    BIO *certificate_bio = BIO_new_mem_buf(certificate, (int)certificate_len);
    BIO *key_bio = BIO_new_mem_buf(key, (int)key_len);
    const char *what = NULL;
    if (!certificate_bio || !key_bio)
        what = "out of memory";
    else if (!(out->certificate = PEM_read_bio_X509(certificate_bio, NULL, no_password, NULL)))
        what = "the certificate is not PEM";
    else if (!(out->key = PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL)))
        what = "the private key is not PEM";
    else if (!X509_check_private_key(out->certificate, out->key))
        what = "the private key does not belong to the certificate";
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    if (!what)
        return 0;
    aci_identity_free(out);
    return fail(error, what);
}

/* A terminated copy of what is in a memory BIO, or NULL. */
static char *copy_of(BIO *bio, size_t *len) {
    char *bytes = NULL;
    long size = BIO_get_mem_data(bio, &bytes);
    char *copy = size > 0 ? malloc((size_t)size + 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, bytes, (size_t)size);
    copy[size] = 0;
    *len = (size_t)size;
    return copy;
}

int aci_identity_print(const aci_identity *identity, aci_pem *out, char *error) {
    *out = (aci_pem){0};
    BIO *certificate = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_secmem());
    if (certificate && key && PEM_write_bio_X509(certificate, identity->certificate) &&
        PEM_write_bio_PKCS8PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL)) {
        out->certificate = copy_of(certificate, &out->certificate_len);
        out->key = copy_of(key, &out->key_len);
    }
    BIO_free(certificate);
    BIO_free(key);
    if (out->certificate && out->key)
        return 0;
    aci_pem_free(out);
    return fail(error, "the certificate could not be written: not enough memory");
}
