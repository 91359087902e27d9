/* Fuzzes the JSON scanner, and the writer with what the scanner accepted.
 * sources: bindings/core/scan.c bindings/core/jstring.c bindings/core/number.c
 * sources: bindings/core/emit.c -lm
 *
 * The first byte chooses the options. Beyond "no crash": tokens lie inside the text, errors have a
 * message and a place inside the text, and what was accepted comes back from its own text: written,
 * read strictly and written again it is the same. */
#include "../../bindings/core/emit.h"
#include "../../bindings/core/jstring.h"
#include "../../bindings/core/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void write_string(aci_emit *out, const aci_scan *scan) {
    char *plain = malloc(scan->length + 1);
    size_t length = aci_string_unescape(scan->start, scan->length, plain);
    require(length <= scan->length);
    aci_emit_string(out, plain, length);
    require(!out->fault); /* it is UTF-8, whatever the escapes were */
    free(plain);
}

static void write_token(aci_emit *out, const aci_scan *scan, aci_token token) {
    static const char *const fixed[] = {
        [ACI_SCAN_NULL] = "null",    [ACI_SCAN_FALSE] = "false", [ACI_SCAN_TRUE] = "true",
        [ACI_SCAN_ARRAY] = "[",      [ACI_SCAN_ARRAY_END] = "]", [ACI_SCAN_OBJECT] = "{",
        [ACI_SCAN_OBJECT_END] = "}",
    };
    if (token == ACI_SCAN_INTEGER) {
        aci_emit_integer(out, scan->integer);
    } else if (token == ACI_SCAN_FLOAT) {
        aci_emit_float(out, scan->number);
    } else if (token == ACI_SCAN_STRING || token == ACI_SCAN_NAME) {
        write_string(out, scan);
    } else {
        aci_emit_bytes(out, fixed[token], strlen(fixed[token]));
    }
}

/* Is there a comma between this token and the one before it? */
static bool is_separate(aci_token before, aci_token token) {
    bool opened = before == ACI_SCAN_ERROR || before == ACI_SCAN_ARRAY ||
                  before == ACI_SCAN_OBJECT || before == ACI_SCAN_NAME;
    return !opened && token != ACI_SCAN_ARRAY_END && token != ACI_SCAN_OBJECT_END;
}

static void check_error(const aci_scan *scan) {
    size_t line, column;
    aci_scan_where(scan, &line, &column);
    require(scan->error && scan->at >= scan->text && scan->at <= scan->end);
    require(line >= 1 && column >= 1 && line + column <= (size_t)(scan->end - scan->text) + 2);
}

/* Write the text's tokens to out; false where it is no JSON. */
static bool rewrite(const char *text, size_t length, unsigned options, aci_emit *out) {
    aci_scan scan;
    aci_token token, before = ACI_SCAN_ERROR;
    aci_scan_init(&scan, text, length, options);
    while ((token = aci_scan_next(&scan)) > ACI_SCAN_END) {
        require(scan.start >= text && scan.at <= text + length);
        if (is_separate(before, token)) {
            aci_emit_byte(out, ',');
        }
        write_token(out, &scan, token);
        if (token == ACI_SCAN_NAME) {
            aci_emit_byte(out, ':');
        }
        before = token;
    }
    if (token == ACI_SCAN_ERROR) {
        check_error(&scan);
        require(aci_scan_next(&scan) == ACI_SCAN_ERROR);
    }
    return token == ACI_SCAN_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    aci_emit first = {0}, second = {0};
    if (size == 0) {
        return 0;
    }
    char *text = malloc(size); /* a NUL behind it, as behind a Lua string */
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (rewrite(text, size - 1, data[0] & 7, &first)) {
        aci_emit_byte(&first, '\0');
        require(rewrite(first.text, first.length - 1, 0, &second));
        require(second.length == first.length - 1);
        require(memcmp(first.text, second.text, second.length) == 0);
    }
    aci_emit_free(&first);
    aci_emit_free(&second);
    free(text);
    return 0;
}
