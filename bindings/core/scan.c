/* The JSON tokenizer of scan.h: structure. The inside of numbers and strings is in number.c and
 * jstring.c. */
#include "scan.h"

#include <string.h>

#include "jstring.h"
#include "number.h"

/* What may come next. */
enum {
    WANT_VALUE,      /* a value */
    WANT_FIRST,      /* a value or "]", after "[" */
    WANT_FIRST_NAME, /* a name or "}", after "{" */
    WANT_NAME,       /* a name, after "," in an object */
    WANT_MORE,       /* "," or the closing bracket */
    WANT_NOTHING,    /* the end of the text */
    WANT_FAILED,     /* an error was reported */
};

static aci_token fail_at(aci_scan *scan, const char *at, const char *message) {
    scan->at = at;
    scan->error = message;
    scan->expect = WANT_FAILED;
    return ACI_SCAN_ERROR;
}

static aci_token fail(aci_scan *scan, const char *message) {
    return fail_at(scan, scan->at, message);
}

void aci_scan_init(aci_scan *scan, const char *text, size_t length, unsigned options) {
    memset(scan, 0, sizeof *scan);
    scan->text = scan->at = scan->start = text;
    scan->end = text + length;
    scan->options = options;
    scan->expect = WANT_VALUE;
    if ((options & ACI_SCAN_COMMENTS) && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        scan->at += 3;
    }
}

aci_token aci_scan_refuse(aci_scan *scan, const char *message) {
    bool quoted = scan->start > scan->text && scan->start[-1] == '"'; /* start is behind it */
    return fail_at(scan, scan->start - quoted, message);
}

/* Count one step of the walk to the error; returns the bytes it took. */
static size_t where_step(const char *at, const char *stop, size_t *line, size_t *column) {
    if (*at == '\n' || (*at == '\r' && (at + 1 == stop || at[1] != '\n'))) {
        *line += 1;
        *column = 1;
        return 1;
    }
    size_t bytes = *at == '\r' ? 0 : aci_utf8_length(at, stop);
    *column += *at != '\r';
    return bytes ? bytes : 1;
}

void aci_scan_where(const aci_scan *scan, size_t *line, size_t *column) {
    const char *at = scan->text;
    *line = *column = 1;
    while (at < scan->at) {
        at += where_step(at, scan->at, line, column);
    }
}

/* --- white space and comments ------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Step over the comment at scan->at; false with the error set when it never ends. */
static bool skip_comment(aci_scan *scan) {
    const char *at = scan->at + 2;
    if (scan->at[1] == '/') {
        while (at < scan->end && *at != '\n' && *at != '\r') {
            at++;
        }
        scan->at = at;
        return true;
    }
    for (; scan->end - at >= 2; at++) {
        if (at[0] == '*' && at[1] == '/') {
            scan->at = at + 2;
            return true;
        }
    }
    fail(scan, "the comment never ends");
    return false;
}

static bool at_comment(const aci_scan *scan) {
    return (scan->options & ACI_SCAN_COMMENTS) && scan->end - scan->at >= 2 && scan->at[0] == '/' &&
           (scan->at[1] == '/' || scan->at[1] == '*');
}

static bool skip_space(aci_scan *scan) {
    for (;;) {
        while (scan->at < scan->end && is_space(*scan->at)) {
            scan->at++;
        }
        if (!at_comment(scan)) {
            return true;
        }
        if (!skip_comment(scan)) {
            return false;
        }
    }
}

/* --- strings and names --------------------------------------------------------------------- */

/* The string whose opening quote is at scan->at. */
static bool read_string(aci_scan *scan) {
    bool line_breaks = scan->options & ACI_SCAN_LINE_BREAKS;
    const char *message = NULL;
    scan->start = scan->at + 1;
    const char *stop =
        aci_string_end(scan->start, scan->end, line_breaks, &scan->escaped, &message);
    if (message) {
        fail_at(scan, stop, message);
        return false;
    }
    scan->length = (size_t)(stop - scan->start);
    scan->at = stop + 1;
    return true;
}

static bool is_name_byte(char c, bool first) {
    char lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || c == '_' || c == '$' ||
           (!first && c >= '0' && c <= '9');
}

static bool read_bare_name(aci_scan *scan) {
    scan->start = scan->at;
    scan->escaped = false;
    while (scan->at < scan->end && is_name_byte(*scan->at, scan->at == scan->start)) {
        scan->at++;
    }
    scan->length = (size_t)(scan->at - scan->start);
    return true;
}

/* A member's name and the colon after it. */
static aci_token read_name(aci_scan *scan) {
    bool bare = (scan->options & ACI_SCAN_NAMES) && is_name_byte(*scan->at, true);
    if (!bare && *scan->at != '"') {
        return fail(scan, "expected a member's name in double quotes");
    }
    if (!(bare ? read_bare_name(scan) : read_string(scan)) || !skip_space(scan)) {
        return ACI_SCAN_ERROR;
    }
    if (scan->at == scan->end || *scan->at != ':') {
        return fail(scan, "expected ':' after the member's name");
    }
    scan->at++;
    scan->expect = WANT_VALUE;
    return ACI_SCAN_NAME;
}

/* --- values and structure ----------------------------------------------------------------- */

static bool in_object(const aci_scan *scan) {
    unsigned level = scan->depth - 1;
    return scan->objects[level / 64] >> level % 64 & 1;
}

static aci_token open_bracket(aci_scan *scan, bool object) {
    if (scan->depth == ACI_SCAN_DEPTH) {
        return fail(scan, "nested too deeply (at most 512 levels)");
    }
    uint64_t bit = UINT64_C(1) << scan->depth % 64, *word = &scan->objects[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    scan->at++;
    scan->expect = object ? WANT_FIRST_NAME : WANT_FIRST;
    return object ? ACI_SCAN_OBJECT : ACI_SCAN_ARRAY;
}

static aci_token close_bracket(aci_scan *scan, aci_token token) {
    scan->at++;
    scan->depth--;
    scan->expect = scan->depth ? WANT_MORE : WANT_NOTHING;
    return token;
}

static aci_token unknown_word(aci_scan *scan) {
    return fail(scan, "unknown word (JSON has true, false and null)");
}

static aci_token read_word(aci_scan *scan, const char *word, size_t length, aci_token token) {
    const char *at = scan->at;
    bool same = (size_t)(scan->end - at) >= length && memcmp(at, word, length) == 0;
    if (!same || (at + length < scan->end && is_name_byte(at[length], false))) {
        return unknown_word(scan);
    }
    scan->at += length;
    return token;
}

static aci_token read_number(aci_scan *scan) {
    aci_number number;
    const char *message = NULL, *stop = aci_number_read(scan->at, scan->end, &number, &message);
    if (message) {
        return fail_at(scan, stop, message);
    }
    scan->at = stop;
    scan->integer = number.integer;
    scan->number = number.value;
    return number.is_integer ? ACI_SCAN_INTEGER : ACI_SCAN_FLOAT;
}

static aci_token wrong_value(aci_scan *scan) {
    switch (*scan->at) {
    case ']':
    case '}':
        return fail(scan, "expected a value before the closing bracket");
    case ',':
        return fail(scan, "expected a value before the comma");
    case '\'':
        return fail(scan, "strings need double quotes");
    case '/':
        return fail(scan, scan->options & ACI_SCAN_COMMENTS ? "expected a value"
                                                            : "comments are not allowed here");
    default:
        return is_name_byte(*scan->at, true) ? unknown_word(scan) : fail(scan, "expected a value");
    }
}

static aci_token read_scalar(aci_scan *scan) {
    char c = *scan->at;
    if (c == '"') {
        return read_string(scan) ? ACI_SCAN_STRING : ACI_SCAN_ERROR;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(scan);
    }
    if (c == 't') {
        return read_word(scan, "true", 4, ACI_SCAN_TRUE);
    }
    if (c == 'f') {
        return read_word(scan, "false", 5, ACI_SCAN_FALSE);
    }
    if (c == 'n') {
        return read_word(scan, "null", 4, ACI_SCAN_NULL);
    }
    return wrong_value(scan);
}

static aci_token read_value(aci_scan *scan) {
    scan->start = scan->at;
    if (*scan->at == '{' || *scan->at == '[') {
        return open_bracket(scan, *scan->at == '{');
    }
    aci_token token = read_scalar(scan);
    if (token != ACI_SCAN_ERROR) {
        scan->expect = scan->depth ? WANT_MORE : WANT_NOTHING;
    }
    return token;
}

/* "," or the closing bracket after a member or an element. */
static aci_token read_more(aci_scan *scan) {
    bool object = in_object(scan);
    if (*scan->at == (object ? '}' : ']')) {
        return close_bracket(scan, object ? ACI_SCAN_OBJECT_END : ACI_SCAN_ARRAY_END);
    }
    if (*scan->at != ',') {
        return fail(scan, object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    const char *comma = scan->at++;
    scan->expect = object ? WANT_NAME : WANT_VALUE;
    if (!skip_space(scan)) {
        return ACI_SCAN_ERROR;
    }
    if (scan->at == scan->end) {
        return fail(scan, "the text ends too early");
    }
    if (*scan->at == '}' || *scan->at == ']') {
        return fail_at(scan, comma, "trailing comma");
    }
    return object ? read_name(scan) : read_value(scan);
}

aci_token aci_scan_next(aci_scan *scan) {
    if (scan->expect == WANT_FAILED || !skip_space(scan)) {
        return ACI_SCAN_ERROR;
    }
    if (scan->at == scan->end) {
        return scan->expect == WANT_NOTHING ? ACI_SCAN_END : fail(scan, "the text ends too early");
    }
    switch (scan->expect) {
    case WANT_NOTHING:
        return fail(scan, "something follows the value");
    case WANT_MORE:
        return read_more(scan);
    case WANT_FIRST:
        return *scan->at == ']' ? close_bracket(scan, ACI_SCAN_ARRAY_END) : read_value(scan);
    case WANT_FIRST_NAME:
        return *scan->at == '}' ? close_bracket(scan, ACI_SCAN_OBJECT_END) : read_name(scan);
    case WANT_NAME:
        return read_name(scan);
    default:
        return read_value(scan);
    }
}
