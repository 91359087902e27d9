#include "chunked.h"

#include <stdio.h>

enum { LINE_MAX = 4096, TRAILERS_MAX = 16 * 1024, SIZE_DIGITS = 15 };

/* CR states are numbered after the state whose line they end. */
enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    DONE,
    BAD
};

static int hex_value(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int is_name(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == '!' || c == '#' || c == '$' || c == '%' || c == '&' ||
           c == '\'' || c == '*' || c == '+' || c == '^' || c == '`' || c == '|' || c == '~';
}

static int is_text(unsigned char c) {
    return c == '\t' || (c >= ' ' && c != 127);
}

static int in_size(aci_chunked *d, unsigned char c) {
    int value = hex_value(c);
    if (value >= 0 && d->digits < SIZE_DIGITS) {
        d->left = d->left << 4 | (unsigned)value;
        d->digits++;
        return SIZE;
    }
    if (d->digits == 0 || value >= 0)
        return BAD;
    return c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : BAD;
}

static int after_size(aci_chunked *d, unsigned char c) {
    if (c != '\n')
        return BAD;
    d->line = 0;
    d->digits = 0;
    return d->left ? DATA : TRAILER_START;
}

static int in_trailer(int state, unsigned char c) {
    if (state == TRAILER_START && c == '\r')
        return LAST_LF;
    if (state != TRAILER_VALUE && is_name(c))
        return TRAILER_NAME;
    if (state == TRAILER_NAME && c == ':')
        return TRAILER_VALUE;
    if (state == TRAILER_VALUE && c == '\r')
        return TRAILER_LF;
    return state == TRAILER_VALUE && is_text(c) ? TRAILER_VALUE : BAD;
}

/* One byte that is not body. */
static int step(aci_chunked *d, unsigned char c) {
    if (++d->line > (d->state >= TRAILER_START ? TRAILERS_MAX : LINE_MAX))
        return BAD;
    switch (d->state) {
    case SIZE:
        return in_size(d, c);
    case EXTENSION:
        return c == '\r' ? SIZE_LF : is_text(c) ? EXTENSION : BAD;
    case SIZE_LF:
        return after_size(d, c);
    case DATA_CR:
        return c == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        d->line = 0;
        return c == '\n' ? SIZE : BAD;
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return in_trailer(d->state, c);
    case TRAILER_LF:
        return c == '\n' ? TRAILER_START : BAD;
    case LAST_LF:
        return c == '\n' ? DONE : BAD;
    default:
        return BAD;
    }
}

aci_chunk aci_chunked_next(aci_chunked *d, const char *bytes, size_t len, size_t *used,
                           const char **data, size_t *data_len) {
    size_t at = 0;
    while (at < len && d->state != DATA && d->state < DONE)
        d->state = (uint8_t)step(d, (unsigned char)bytes[at++]);
    *used = at;
    if (d->state == BAD)
        return ACI_CHUNK_BAD;
    if (d->state == DONE)
        return ACI_CHUNK_END;
    if (d->state != DATA || at == len)
        return ACI_CHUNK_MORE;
    *data = bytes + at;
    *data_len = len - at < d->left ? len - at : (size_t)d->left;
    *used += *data_len;
    d->left -= *data_len;
    if (d->left == 0)
        d->state = DATA_CR;
    return ACI_CHUNK_DATA;
}

size_t aci_chunked_line(char line[ACI_CHUNK_LINE], size_t len) {
    return (size_t)snprintf(line, ACI_CHUNK_LINE, "%zx\r\n", len);
}
