/* PKCS#12 and PEM files with keys and certificates: see keybag.h. */
#include "keybag.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a file holds while it is read or written. */
typedef struct contents {
    EVP_PKEY *key;
    X509 *certificate; /* of the key */
    STACK_OF(X509) * others;
} contents;

static void contents_free(contents *all) {
    EVP_PKEY_free(all->key);
    X509_free(all->certificate);
    sk_X509_pop_free(all->others, X509_free);
    *all = (contents){0};
}

void aci_keybag_free(aci_keybag *bag) {
    aci_blob_free(&bag->key);
    aci_blob_free(&bag->certificates);
}

/* Always false. The last reason is the outermost one: "mac verify failure", not "bad decrypt". */
static bool fail(char *error, const char *what) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(error, ACI_SIGN_ERROR, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return false;
}

/* Where OpenSSL has no reason, it was our own copy that could not be made. */
static bool fail_to_write(char *error, const char *what) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : "not enough memory";
    snprintf(error, ACI_SIGN_ERROR, "%s: %s", what, reason ? reason : "unknown");
    ERR_clear_error();
    return false;
}

static bool take(BIO *bio, aci_blob *blob) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(bio, &bytes);
    blob->bytes = length > 0 ? malloc((size_t)length) : NULL;
    if (blob->bytes) {
        memcpy(blob->bytes, bytes, (size_t)length);
        blob->length = (size_t)length;
    }
    return blob->bytes;
}

static bool print_key(EVP_PKEY *key, aci_blob *blob) {
    BIO *bio = BIO_new(BIO_s_secmem());
    bool done = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                take(bio, blob);
    BIO_free(bio);
    return done;
}

static bool print_certificates(const contents *all, aci_blob *blob) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool done = bio && PEM_write_bio_X509(bio, all->certificate) == 1;
    for (int i = 0; done && i < sk_X509_num(all->others); i++) {
        done = PEM_write_bio_X509(bio, sk_X509_value(all->others, i)) == 1;
    }
    done = done && take(bio, blob);
    BIO_free(bio);
    return done;
}

/* Turn what was read into PEM; frees it. */
static bool finish(aci_keybag *bag, contents *all, char *error) {
    bool done = print_key(all->key, &bag->key) && print_certificates(all, &bag->certificates);
    contents_free(all);
    if (done) {
        ERR_clear_error();
    }
    return done || fail_to_write(error, "cannot write the key as PEM");
}

static BIO *reader(aci_view view) {
    return view.length > 0 && view.length <= INT32_MAX
               ? BIO_new_mem_buf(view.bytes, (int)view.length)
               : NULL;
}

/* --- PKCS#12 ------------------------------------------------------------------------------ */

/* A library context of its own, so that the old ciphers are known to this one file only. */
static PKCS12 *open_file(OSSL_LIB_CTX *context, aci_view bytes) {
    PKCS12 *file = PKCS12_init_ex(NID_pkcs7_data, context, NULL);
    BIO *bio = reader(bytes);
    PKCS12 *read = file && bio ? d2i_PKCS12_bio(bio, &file) : NULL;
    BIO_free(bio);
    if (!read) {
        PKCS12_free(file);
    }
    return read;
}

static bool parse_file(PKCS12 *file, const char *password, contents *all, char *error) {
    if (PKCS12_parse(file, password ? password : "", &all->key, &all->certificate, &all->others) !=
        1) {
        bool wrong = ERR_GET_REASON(ERR_peek_last_error()) == PKCS12_R_MAC_VERIFY_FAILURE;
        return fail(error, wrong ? "the password of the PKCS#12 file is wrong or missing"
                                 : "cannot read the PKCS#12 file");
    }
    if (!all->key || !all->certificate) {
        return fail(error, "the PKCS#12 file has no private key with its certificate");
    }
    return true;
}

static bool read_file(OSSL_LIB_CTX *context, aci_view bytes, const char *password, contents *all,
                      char *error) {
    PKCS12 *file = open_file(context, bytes);
    bool done = file ? parse_file(file, password, all, error) : fail(error, "not a PKCS#12 file");
    PKCS12_free(file);
    return done;
}

bool aci_keybag_read(aci_keybag *bag, aci_view bytes, const char *password, char *error) {
    contents all = {0};
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *common = context ? OSSL_PROVIDER_load(context, "default") : NULL;
    OSSL_PROVIDER *old = common ? OSSL_PROVIDER_load(context, "legacy") : NULL; /* may be absent */
    ERR_clear_error();
    bool done = common
                    ? read_file(context, bytes, password, &all, error) && finish(bag, &all, error)
                    : fail(error, "cannot prepare OpenSSL");
    contents_free(&all);
    if (old) {
        OSSL_PROVIDER_unload(old);
    }
    if (common) {
        OSSL_PROVIDER_unload(common);
    }
    OSSL_LIB_CTX_free(context);
    return done;
}

/* --- PEM ---------------------------------------------------------------------------------- */

/* Gives OpenSSL the password instead of a question on the terminal. */
static int give_password(char *buffer, int size, int writing, void *data) {
    (void)writing;
    size_t length = data ? strlen(data) : 0;
    if (length == 0 || length > (size_t)size) {
        return -1;
    }
    memcpy(buffer, data, length);
    return (int)length;
}

/* OpenSSL itself only says "unsupported" of a text without any. */
static bool has_key(aci_view pem) {
    static const char mark[] = "PRIVATE KEY-----";
    return memmem(pem.bytes, pem.length, mark, sizeof mark - 1) != NULL;
}

static bool read_key(aci_view pem, const char *password, contents *all, char *error) {
    BIO *bio = reader(pem);
    all->key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password) : NULL;
    BIO_free(bio);
    if (all->key) {
        return true;
    }
    return fail(error, !has_key(pem) ? "the file has no private key"
                       : password    ? "cannot read the private key: is the password right?"
                                     : "cannot read the private key: is it encrypted?");
}

/* Sort one certificate of the file: it is the key's own or one of the others. */
static bool keep(contents *all, X509 *certificate) {
    if (!all->certificate && X509_check_private_key(certificate, all->key) == 1) {
        all->certificate = certificate;
        return true;
    }
    if (sk_X509_push(all->others, certificate) > 0) {
        return true;
    }
    X509_free(certificate);
    return false;
}

static bool read_certificates(aci_view pem, contents *all, char *error) {
    BIO *bio = reader(pem);
    all->others = sk_X509_new_null();
    bool going = bio && all->others;
    X509 *next;
    while (going && (next = PEM_read_bio_X509(bio, NULL, give_password, NULL)) != NULL) {
        going = keep(all, next);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the file is a fault to OpenSSL */
    if (!going) {
        return fail(error, "not enough memory");
    }
    if (all->certificate) {
        return true;
    }
    return fail(error, sk_X509_num(all->others) > 0
                           ? "none of the file's certificates belongs to its private key"
                           : "the file has no certificate");
}

bool aci_keybag_read_pem(aci_keybag *bag, aci_view pem, const char *password, char *error) {
    contents all = {0};
    bool done = read_key(pem, password, &all, error) && read_certificates(pem, &all, error) &&
                finish(bag, &all, error);
    contents_free(&all);
    return done;
}

bool aci_keybag_write(const aci_keybag *bag, const char *password, aci_blob *out, char *error) {
    contents all = {0};
    aci_view key = {bag->key.bytes, bag->key.length};
    aci_view certificates = {bag->certificates.bytes, bag->certificates.length};
    bool read = read_key(key, NULL, &all, error) && read_certificates(certificates, &all, error);
    PKCS12 *file = read ? PKCS12_create(password ? password : "", NULL, all.key, all.certificate,
                                        all.others, 0, 0, 0, 0, 0)
                        : NULL;
    BIO *bio = file ? BIO_new(BIO_s_secmem()) : NULL;
    bool done = bio && i2d_PKCS12_bio(bio, file) == 1 && take(bio, out);
    BIO_free(bio);
    PKCS12_free(file);
    contents_free(&all);
    return done || (read && fail_to_write(error, "cannot write the PKCS#12 file"));
}

/* --- what a certificate says -------------------------------------------------------------- */

static bool seconds_of(const ASN1_TIME *time, int64_t *seconds) {
    struct tm parts = {0};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *seconds = timegm(&parts);
    return true;
}

static bool subject_of(const X509 *certificate, char *text, size_t room) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool done =
        bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
    int length = done ? BIO_read(bio, text, (int)room - 1) : 0;
    text[length > 0 ? length : 0] = 0;
    BIO_free(bio);
    return done;
}

static bool der_of(X509 *certificate, aci_blob *der) {
    int length = i2d_X509(certificate, &der->bytes); /* allocates with OpenSSL's malloc */
    unsigned char *own = length > 0 ? malloc((size_t)length) : NULL;
    if (own) {
        memcpy(own, der->bytes, (size_t)length);
    }
    OPENSSL_free(der->bytes);
    *der = (aci_blob){own, own ? (size_t)length : 0};
    return own;
}

bool aci_certificate_read(aci_certificate_facts *facts, aci_view pem, char *error) {
    BIO *bio = reader(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, give_password, NULL) : NULL;
    BIO_free(bio);
    bool read = certificate && seconds_of(X509_get0_notBefore(certificate), &facts->not_before) &&
                seconds_of(X509_get0_notAfter(certificate), &facts->not_after) &&
                subject_of(certificate, facts->subject, sizeof facts->subject);
    bool done = read && der_of(certificate, &facts->der);
    X509_free(certificate);
    return done || fail(error, read ? "not enough memory" : "not a certificate in PEM");
}
