/* Bytes as text: see encode.h. */
#include "encode.h"

#include <stdint.h>

static const char hex_digits[] = "0123456789abcdef";
static const char alphabets[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t aci_hex_write(const void *bytes, size_t length, char *out) {
    const unsigned char *from = bytes;
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = hex_digits[from[i] >> 4];
        out[2 * i + 1] = hex_digits[from[i] & 15];
    }
    return 2 * length;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool aci_hex_read(const char *text, size_t length, void *out, size_t *written) {
    unsigned char *to = out;
    if (length % 2) {
        return false;
    }
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        to[i / 2] = (unsigned char)(high << 4 | low);
    }
    *written = length / 2;
    return true;
}

/* The last one or two bytes, with padding where the alphabet has it. */
static size_t write_tail(aci_base64 alphabet, const unsigned char *from, size_t left, char *out) {
    const char *digits = alphabets[alphabet];
    unsigned group = (unsigned)from[0] << 16 | (left > 1 ? (unsigned)from[1] << 8 : 0);
    out[0] = digits[group >> 18];
    out[1] = digits[group >> 12 & 63];
    if (left > 1) {
        out[2] = digits[group >> 6 & 63];
    }
    if (alphabet == ACI_BASE64_URL) {
        return left + 1;
    }
    out[2] = left > 1 ? out[2] : '=';
    out[3] = '=';
    return 4;
}

size_t aci_base64_write(aci_base64 alphabet, const void *bytes, size_t length, char *out) {
    const unsigned char *from = bytes;
    const char *digits = alphabets[alphabet];
    char *to = out;
    for (; length >= 3; length -= 3, from += 3, to += 4) {
        unsigned group = (unsigned)from[0] << 16 | (unsigned)from[1] << 8 | from[2];
        to[0] = digits[group >> 18];
        to[1] = digits[group >> 12 & 63];
        to[2] = digits[group >> 6 & 63];
        to[3] = digits[group & 63];
    }
    if (length) {
        to += write_tail(alphabet, from, length, to);
    }
    return (size_t)(to - out);
}

static int base64_value(aci_base64 alphabet, char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == alphabets[alphabet][62] ? 62 : c == alphabets[alphabet][63] ? 63 : -1;
}

/* The length without the padding; false where the padding is wrong. */
static bool strip_padding(aci_base64 alphabet, const char *text, size_t *length) {
    size_t padding = 0;
    while (padding < 2 && padding < *length && text[*length - 1 - padding] == '=') {
        padding++;
    }
    bool whole = *length % 4 == 0, bare = alphabet == ACI_BASE64_URL && padding == 0;
    *length -= padding;
    return (whole || bare) && *length % 4 != 1;
}

bool aci_base64_read(aci_base64 alphabet, const char *text, size_t length, void *out,
                     size_t *written) {
    unsigned char *to = out;
    uint32_t bits = 0;
    unsigned count = 0;
    if (!strip_padding(alphabet, text, &length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int value = base64_value(alphabet, text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *to++ = (unsigned char)(bits >> count);
        }
    }
    *written = (size_t)(to - (unsigned char *)out);
    return (bits & ((1u << count) - 1)) == 0;
}

size_t aci_percent_read(const char *text, size_t length, char *out) {
    char *to = out;
    for (size_t i = 0; i < length; i++) {
        bool coded = text[i] == '%' && length - i > 2;
        int high = coded ? hex_value(text[i + 1]) : -1, low = coded ? hex_value(text[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            *to++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *to++ = text[i];
        }
    }
    return (size_t)(to - out);
}
