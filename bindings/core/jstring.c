/* The inside of JSON strings: see jstring.h. */
#include "jstring.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t aci_utf8_length(const char *at, const char *end) {
    unsigned char c = (unsigned char)at[0], d = end - at > 1 ? (unsigned char)at[1] : 0;
    if (c < 0x80) {
        return 1;
    }
    if (c < 0xe0) {
        return c >= 0xc2 && is_tail((char)d) ? 2 : 0;
    }
    if (c < 0xf0) {
        bool second = c == 0xe0   ? d >= 0xa0 && d < 0xc0
                      : c == 0xed ? d >= 0x80 && d < 0xa0
                                  : is_tail((char)d);
        return second && end - at >= 3 && is_tail(at[2]) ? 3 : 0;
    }
    bool second = c == 0xf0   ? d >= 0x90 && d < 0xc0
                  : c == 0xf4 ? d >= 0x80 && d < 0x90
                              : c < 0xf4 && is_tail((char)d);
    return second && end - at >= 4 && is_tail(at[2]) && is_tail(at[3]) ? 4 : 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of four hex digits; -1 where they are not there. */
static int hex_four(const char *at, const char *end) {
    int value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high(int unit) {
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int unit) {
    return unit >= 0xdc00 && unit < 0xe000;
}

/* The length of the \uXXXX (or the pair of them) at `at`; 0 with the message set. */
static size_t check_unicode(const char *at, const char *end, const char **message) {
    int unit = hex_four(at + 2, end);
    if (unit < 0) {
        *message = "\\u needs four hexadecimal digits";
        return 0;
    }
    if (!is_high(unit) && !is_low(unit)) {
        return 6;
    }
    if (is_high(unit) && end - at >= 12 && at[6] == '\\' && at[7] == 'u' &&
        is_low(hex_four(at + 8, end))) {
        return 12;
    }
    *message = "half of a surrogate pair";
    return 0;
}

/* The length of the escape at `at`; 0 with the message set. */
static size_t check_escape(const char *at, const char *end, const char **message) {
    if (end - at >= 2 && at[1] == 'u') {
        return check_unicode(at, end, message);
    }
    if (end - at >= 2 && at[1] != '\0' && strchr("\"\\/bfnrt", at[1])) {
        return 2;
    }
    *message = "unknown escape";
    return 0;
}

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Whether any of eight bytes ends a plain run: a quote, a backslash, a control character or a
 * byte of a longer character. */
static bool has_special(uint64_t word) {
    uint64_t quote = word ^ (ONES * '"'), slash = word ^ (ONES * '\\');
    uint64_t hit = (word - ONES * 0x20) | (quote - ONES) | (slash - ONES) | word;
    return (hit & HIGHS) != 0;
}

const char *aci_string_plain(const char *at, const char *end) {
    for (uint64_t word; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        if (has_special(word)) {
            break;
        }
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\') {
        at++;
    }
    return at;
}

size_t aci_utf8_run(const char *at, const char *end) {
    const char *start = at;
    while (at < end && (unsigned char)*at >= 0x80) {
        size_t bytes = aci_utf8_length(at, end);
        if (bytes == 0) {
            break;
        }
        at += bytes;
    }
    return (size_t)(at - start);
}

/* The length of what ended a plain run; 0 with the message set. */
static size_t check_special(const char *at, const char *end, bool line_breaks,
                            const char **message) {
    unsigned char c = (unsigned char)*at;
    if (c == '\\') {
        return check_escape(at, end, message);
    }
    if (c >= 0x80) {
        size_t bytes = aci_utf8_run(at, end);
        *message = bytes ? NULL : "not valid UTF-8";
        return bytes;
    }
    if (line_breaks && (c == '\n' || c == '\r' || c == '\t')) {
        return 1;
    }
    *message = "a control character in a string must be escaped";
    return 0;
}

const char *aci_string_end(const char *at, const char *end, bool line_breaks, bool *escaped,
                           const char **message) {
    const char *start = at;
    *escaped = false;
    for (;;) {
        at = aci_string_plain(at, end);
        if (at < end && *at == '"') {
            return at;
        }
        if (at == end) {
            *message = "the string never ends";
            return start - 1;
        }
        *escaped |= *at == '\\';
        size_t bytes = check_special(at, end, line_breaks, message);
        if (bytes == 0) {
            return at;
        }
        at += bytes;
    }
}

size_t aci_utf8_write(unsigned code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    size_t tails = code < 0x10000 ? 2 : 3;
    out[0] = (char)((tails == 2 ? 0xe0 : 0xf0) | code >> 6 * tails);
    for (size_t i = 1; i <= tails; i++) {
        out[i] = (char)(0x80 | (code >> 6 * (tails - i) & 63));
    }
    return tails + 1;
}

/* Resolve the escape at *at, step over it; returns the bytes written to out. */
static size_t resolve_escape(const char **at, char *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = *at;
    if (p[1] != 'u') {
        *out = to[strchr(from, p[1]) - from];
        *at += 2;
        return 1;
    }
    int unit = hex_four(p + 2, p + 6);
    *at += 6;
    if (!is_high(unit)) {
        return aci_utf8_write((unsigned)unit, out);
    }
    *at += 6;
    int low = hex_four(p + 8, p + 12);
    return aci_utf8_write(0x10000u + (((unsigned)unit - 0xd800) << 10) + (unsigned)low - 0xdc00,
                          out);
}

size_t aci_string_unescape(const char *start, size_t length, char *out) {
    const char *at = start, *end = start + length;
    char *to = out;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash ? slash : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (slash) {
            to += resolve_escape(&at, to);
        }
    }
    return (size_t)(to - out);
}
