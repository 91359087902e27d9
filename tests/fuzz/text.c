/* Fuzzes the small readers of text: dates, hex, base64, percent-encoding, what storage signs.
 * sources: bindings/core/datetime.c bindings/core/encode.c bindings/core/sharedkey.c
 * sources: bindings/core/sas.c bindings/core/emit.c bindings/core/number.c
 * sources: bindings/core/jstring.c -lm
 *
 * Beyond "no crash": what was read is written the same, and signed texts are of the right shape. */
#include "../../bindings/core/datetime.h"
#include "../../bindings/core/encode.h"
#include "../../bindings/core/sas.h"
#include "../../bindings/core/sharedkey.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok)
        abort();
}

static void check_date(const char *text) {
    char again[ACI_DATETIME_ROOM];
    double when, second;
    if (aci_datetime_parse_iso(text, &when)) {
        require(isfinite(when));
        if (aci_datetime_iso(when, 6, again))
            require(aci_datetime_parse_iso(again, &second) && fabs(second - when) < 1e-4);
    }
    if (aci_datetime_parse_http(text, &when)) {
        require(aci_datetime_http(when, again));
        require(aci_datetime_parse_http(again, &second) && second == when);
    }
}

static void check_hex(const char *text, size_t length) {
    char *bytes = malloc(length / 2 + 1), *again = malloc(length + 1);
    size_t written;
    if (aci_hex_read(text, length, bytes, &written)) {
        require(written == length / 2 && aci_hex_write(bytes, written, again) == length);
        for (size_t i = 0; i < length; i++)
            require(again[i] == tolower((unsigned char)text[i]));
    }
    free(bytes);
    free(again);
}

static void check_base64(aci_base64 alphabet, const char *text, size_t length) {
    char *bytes = malloc((length + 3) / 4 * 3 + 1), *again = malloc(length + 8);
    size_t written, plain = length;
    if (aci_base64_read(alphabet, text, length, bytes, &written)) {
        while (alphabet == ACI_BASE64_URL && plain > 0 && text[plain - 1] == '=')
            plain--;
        require(aci_base64_write(alphabet, bytes, written, again) == plain);
        require(memcmp(again, text, plain) == 0);
    }
    free(bytes);
    free(again);
}

static void check_percent(const char *text, size_t length) {
    char *out = malloc(length + 1);
    require(aci_percent_read(text, length, out) <= length);
    free(out);
}

/* The text up to a byte; moves on behind it. */
static aci_text take(const char **at, const char *end, char until) {
    const char *from = *at, *to = memchr(from, until, (size_t)(end - from));
    if (!to)
        to = end;
    *at = to < end ? to + 1 : end;
    return (aci_text){from, (size_t)(to - from)};
}

static void check_shared_key(const char *text, size_t length) {
    const char *at = text, *end = text + length;
    aci_shared_header headers[16];
    aci_shared_request request = {.headers = headers};
    aci_emit out = {0};
    size_t lines = 0;
    request.method = take(&at, end, ' ');
    request.account = take(&at, end, ' ');
    request.target = take(&at, end, '\n');
    while (at < end && request.count < 16) {
        headers[request.count].name = take(&at, end, ':');
        headers[request.count++].value = take(&at, end, '\n');
    }
    aci_shared_key_text(&request, &out);
    require(!out.fault && out.length > request.method.length);
    require(memcmp(out.text, request.method.at, request.method.length) == 0);
    for (size_t i = 0; i < out.length; i++)
        lines += out.text[i] == '\n';
    require(lines >= 12);
    aci_emit_free(&out);
}

/* Sixteen lines, whatever the fields hold: none can be made to look like two. */
static void check_sas(const char *text, size_t length) {
    const char *at = text, *end = text + length;
    aci_emit out = {0};
    aci_sas sas = {take(&at, end, ' '), take(&at, end, ' '), take(&at, end, ' '), {{0}}};
    for (size_t i = 0; i < ACI_SAS_FIELDS; i++)
        sas.fields[i] = take(&at, end, ' ');
    aci_sas_text(&sas, &out);
    if (!out.fault) {
        size_t lines = 1;
        for (size_t i = 0; i < out.length; i++)
            lines += out.text[i] == '\n';
        require(lines == 16);
    }
    aci_emit_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    check_date(text);
    check_hex(text, size);
    check_base64(ACI_BASE64, text, size);
    check_base64(ACI_BASE64_URL, text, size);
    check_percent(text, size);
    check_shared_key(text, size);
    check_sas(text, size);
    free(text);
    return 0;
}
