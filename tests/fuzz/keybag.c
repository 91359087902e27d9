/* Fuzzes the readers of keys and certificates: PKCS#12, PEM, an authority, keys for signatures.
 * sources: bindings/core/keybag.c bindings/core/sign.c bindings/core/x509.c -lssl -lcrypto
 *
 * The first byte chooses the reader. Beyond "no crash": a refusal has words, OpenSSL's queue of
 * errors is left empty, and what was read is PEM that is read the same again. */
#include "../../bindings/core/keybag.h"
#include "../../bindings/core/x509.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok)
        abort();
}

static bool is_same(const aci_blob *a, const aci_blob *b) {
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* The key and the certificates as one PEM text are read as themselves. */
static void check_again(const aci_keybag *bag) {
    char error[ACI_SIGN_ERROR];
    size_t length = bag->key.length + bag->certificates.length;
    aci_keybag again = {0};
    char *text = malloc(length);
    memcpy(text, bag->key.bytes, bag->key.length);
    memcpy(text + bag->key.length, bag->certificates.bytes, bag->certificates.length);
    require(aci_keybag_read_pem(&again, (aci_view){text, length}, NULL, error));
    require(is_same(&bag->key, &again.key) && is_same(&bag->certificates, &again.certificates));
    aci_keybag_free(&again);
    free(text);
}

static void check_bag(aci_view bytes, bool pem, const char *password) {
    char error[ACI_SIGN_ERROR] = "";
    aci_keybag bag = {0};
    bool done = pem ? aci_keybag_read_pem(&bag, bytes, password, error)
                    : aci_keybag_read(&bag, bytes, password, error);
    require(done || error[0]);
    if (done)
        check_again(&bag);
    aci_keybag_free(&bag);
}

static void check_certificate(aci_view pem) {
    char error[ACI_SIGN_ERROR] = "";
    aci_certificate_facts facts = {0};
    bool done = aci_certificate_read(&facts, pem, error);
    require(done ? facts.der.length > 0 : error[0] != '\0');
    require(strlen(facts.subject) < sizeof facts.subject);
    aci_blob_free(&facts.der);
}

static void check_key(aci_view pem) {
    char error[ACI_SIGN_ERROR] = "";
    aci_blob modulus = {0}, exponent = {0};
    aci_view data = {"data", 4}, signature = {"signature", 9};
    bool done = aci_rsa_public(pem, &modulus, &exponent, error);
    require(done ? modulus.length > 0 && exponent.length > 0 : error[0] != '\0');
    error[0] = '\0';
    int verified = aci_rsa_verify(ACI_PS256, pem, data, signature, error);
    require(verified == 0 || (verified < 0 && error[0]));
    aci_blob_free(&modulus);
    aci_blob_free(&exponent);
}

static void check_sign(aci_view pem) {
    char error[ACI_SIGN_ERROR] = "";
    aci_blob signature = {0};
    bool done = aci_rsa_sign(ACI_RS256, pem, (aci_view){"data", 4}, &signature, error);
    require(done ? signature.length > 0 : error[0] != '\0');
    aci_blob_free(&signature);
}

/* The certificate up to its end, then the key; as the local cloud keeps its authority. */
static void check_authority(aci_view pem) {
    static const char mark[] = "-----END CERTIFICATE-----\n";
    char error[ACI_X509_ERROR] = "";
    const char *text = pem.bytes, *end = memmem(text, pem.length, mark, sizeof mark - 1);
    size_t split = end ? (size_t)(end - text) + sizeof mark - 1 : pem.length / 2;
    aci_identity identity = {0};
    aci_pem out = {0};
    int failed =
        aci_identity_parse(&identity, text, split, text + split, pem.length - split, error);
    require(!failed || error[0]);
    if (!failed) {
        require(aci_identity_print(&identity, &out, error) == 0);
        require(strlen(out.certificate) == out.certificate_len && strlen(out.key) == out.key_len);
    }
    aci_pem_free(&out);
    aci_identity_free(&identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const passwords[] = {NULL, "", "pw"};
    if (size == 0)
        return 0;
    char *bytes = malloc(size); /* exact, so that a read past the end is seen */
    aci_view text = {bytes, size - 1};
    memcpy(bytes, data + 1, size - 1);
    switch (data[0] & 7) {
    case 0:
    case 1:
        check_bag(text, data[0] & 1, passwords[(data[0] >> 3) % 3]);
        break;
    case 2:
        check_certificate(text);
        break;
    case 3:
        check_key(text);
        break;
    case 4:
        check_sign(text);
        break;
    case 5:
        check_authority(text);
        break;
    default:
        bytes[size - 1] = '\0';
        aci_identity_name_ok(bytes);
    }
    require(ERR_peek_error() == 0);
    free(bytes);
    return 0;
}
