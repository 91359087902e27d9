/* Fuzzes what aci.http reads of others: URLs, Location, the lines of an answer's head, Retry-After,
 * challenges.
 * sources: bindings/core/url.c bindings/core/headers.c bindings/core/retry.c
 * sources: bindings/core/challenge.c bindings/core/encode.c
 *
 * Beyond "no crash": parts stay inside the text, what is escaped comes back, a head's texts end and
 * its repeated names are known, challenges written anew are read as the same ones. */
#include "../../bindings/core/challenge.h"
#include "../../bindings/core/encode.h"
#include "../../bindings/core/headers.h"
#include "../../bindings/core/retry.h"
#include "../../bindings/core/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok) {
    if (!ok)
        abort();
}

static void inside(aci_url_part part, const char *text, size_t length) {
    if (part.at)
        require(part.at >= text && part.at + part.length <= text + length);
}

static void check_url(const char *text, size_t length) {
    aci_url url;
    if (aci_url_parse(text, length, &url))
        return;
    inside(url.scheme, text, length);
    inside(url.host, text, length);
    inside(url.path, text, length);
    inside(url.query, text, length);
    aci_url_loopback(url.host);
    require(url.host.length > 0 && url.port >= 0 && url.port <= 65535);
}

static void check_escape(const char *text, size_t length) {
    char *coded = malloc(length * 3 + 1);
    size_t n = aci_url_escape(text, length, "/", coded);
    require(aci_percent_read(coded, n, coded) == length && memcmp(coded, text, length) == 0);
    free(coded);
}

/* From a good base, a reference that begins with a slash stays on its host. */
static void check_resolve(const char *text) {
    char *url = aci_url_resolve("http://host:1/a/b/../c?d", text);
    require(url != NULL);
    if (text[0] == '/' && text[1] != '/')
        require(strncmp(url, "http://host:1/", 14) == 0);
    free(url);
}

/* Two of one name are never read as if there were one. */
static void check_repeats(const aci_headers *headers, const char *name, size_t at) {
    const char *other, *value;
    while (aci_headers_next(headers, &at, &other, &value))
        require(headers->repeats || strcmp(name, other) != 0);
}

static void check_headers(const char *text) {
    aci_headers headers = {0};
    const char *name, *value;
    size_t at = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        length += text[length] == '\n';
        aci_headers_line(&headers, text, length);
        text += length;
    }
    while (aci_headers_next(&headers, &at, &name, &value)) {
        require(at <= headers.length && aci_retry_after(name, value, 0) >= -1);
        check_repeats(&headers, name, at);
    }
    aci_headers_drop(&headers);
}

/* A value in quotes; what it takes is at most twice as long. */
static char *put_quoted(char *to, const aci_challenge *piece) {
    char *plain = malloc(piece->value_length + 1);
    size_t length = aci_challenge_unquote(piece, plain);
    require(length <= piece->value_length && (piece->quoted || length == piece->value_length));
    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (plain[i] == '"' || plain[i] == '\\')
            *to++ = '\\';
        *to++ = plain[i];
    }
    *to++ = '"';
    free(plain);
    return to;
}

static char *put_bytes(char *to, const char *bytes, size_t length) {
    memcpy(to, bytes, length);
    return to + length;
}

/* Reads them and writes them plainly; returns how much that is. */
static size_t rewrite_challenges(const char *text, size_t length, char *out) {
    aci_challenge piece;
    aci_challenge_kind kind, before = ACI_CHALLENGE_END;
    char *to = out;
    aci_challenge_init(&piece, text, length);
    while ((kind = aci_challenge_next(&piece)) != ACI_CHALLENGE_END) {
        inside((aci_url_part){piece.name, piece.name_length}, text, length);
        inside((aci_url_part){piece.value, piece.value_length}, text, length);
        require(before != ACI_CHALLENGE_END || kind == ACI_CHALLENGE_SCHEME);
        *to++ = before == ACI_CHALLENGE_SCHEME && kind == ACI_CHALLENGE_PARAMETER ? ' ' : ',';
        to = put_bytes(to, piece.name, piece.name_length);
        if (kind == ACI_CHALLENGE_PARAMETER && piece.name_length == 0)
            to = put_bytes(to, piece.value, piece.value_length);
        if (kind == ACI_CHALLENGE_PARAMETER && piece.name_length > 0) {
            *to++ = '=';
            to = put_quoted(to, &piece);
        }
        before = kind;
    }
    require(aci_challenge_next(&piece) == ACI_CHALLENGE_END);
    return (size_t)(to - out);
}

static void check_challenges(const char *text, size_t length) {
    char *exact = malloc(length ? length : 1), *first = malloc(5 * length + 5), *second;
    size_t written;
    put_bytes(exact, text, length); /* exact, so that a read past the end is seen */
    written = rewrite_challenges(exact, length, first);
    second = malloc(5 * written + 5);
    require(rewrite_challenges(first, written, second) == written);
    require(memcmp(first, second, written) == 0);
    free(exact);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    check_url(text, size);
    check_escape(text, size);
    check_resolve(text);
    check_headers(text);
    check_challenges(text, size);
    aci_retry_after("retry-after", text, 1e9);
    free(text);
    return 0;
}
