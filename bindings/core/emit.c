/* JSON text being written: see emit.h. */
#include "emit.h"

#include <stdlib.h>
#include <string.h>

#include "jstring.h"
#include "number.h"

#define FIRST_ROOM 512

void aci_emit_free(aci_emit *emit) {
    if (emit->text && emit->wipe) {
        explicit_bzero(emit->text, emit->room);
    }
    free(emit->text);
    emit->text = NULL;
    emit->length = emit->room = 0;
}

/* realloc would leave a copy of a secret behind. */
static char *move_secret(aci_emit *emit, size_t room) {
    char *text = malloc(room);
    if (text && emit->text) {
        memcpy(text, emit->text, emit->length);
        explicit_bzero(emit->text, emit->room);
        free(emit->text);
    }
    return text;
}

static bool grow(aci_emit *emit, size_t more) {
    size_t room = emit->room ? emit->room : FIRST_ROOM;
    while (room - emit->length < more && room <= SIZE_MAX / 2) {
        room *= 2;
    }
    char *text = NULL;
    if (room - emit->length >= more) {
        text = emit->wipe ? move_secret(emit, room) : realloc(emit->text, room);
    }
    if (!text) {
        emit->fault = "not enough memory";
        return false;
    }
    emit->text = text;
    emit->room = room;
    return true;
}

/* Room for `more` bytes at the end; NULL after a fault. The caller adds to length. */
static inline char *reserve(aci_emit *emit, size_t more) {
    if (emit->fault || (emit->room - emit->length < more && !grow(emit, more))) {
        return NULL;
    }
    return emit->text + emit->length;
}

void aci_emit_bytes(aci_emit *emit, const char *bytes, size_t length) {
    char *at = length ? reserve(emit, length) : NULL;
    if (at) {
        memcpy(at, bytes, length);
        emit->length += length;
    }
}

void aci_emit_byte(aci_emit *emit, char byte) {
    char *at = reserve(emit, 1);
    if (at) {
        *at = byte;
        emit->length++;
    }
}

void aci_emit_line(aci_emit *emit, unsigned level) {
    char *at = reserve(emit, 1 + 2 * (size_t)level);
    if (at) {
        *at = '\n';
        memset(at + 1, ' ', 2 * (size_t)level);
        emit->length += 1 + 2 * (size_t)level;
    }
}

static void emit_escape(aci_emit *emit, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
    const char *found = c ? strchr(from, c) : NULL;
    char text[6] = {'\\', found ? to[found - from] : 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    aci_emit_bytes(emit, text, found ? 2 : 6);
}

/* The end of what can be copied as it is. */
static const char *copied_run(const char *at, const char *end) {
    for (;;) {
        at = aci_string_plain(at, end);
        size_t more = at < end ? aci_utf8_run(at, end) : 0;
        if (more == 0) {
            return at;
        }
        at += more;
    }
}

void aci_emit_string(aci_emit *emit, const char *bytes, size_t length) {
    const char *at = bytes, *end = bytes + length;
    aci_emit_byte(emit, '"');
    for (;;) {
        const char *stop = copied_run(at, end);
        aci_emit_bytes(emit, at, (size_t)(stop - at));
        if (stop == end) {
            break;
        }
        if ((unsigned char)*stop >= 0x80) {
            emit->fault = emit->fault ? emit->fault : "a string is not valid UTF-8";
            return;
        }
        emit_escape(emit, (unsigned char)*stop);
        at = stop + 1;
    }
    aci_emit_byte(emit, '"');
}

void aci_emit_integer(aci_emit *emit, int64_t value) {
    char *at = reserve(emit, ACI_NUMBER_ROOM);
    emit->length += at ? aci_number_write_integer(value, at) : 0;
}

void aci_emit_float(aci_emit *emit, double value) {
    char *at = reserve(emit, ACI_NUMBER_ROOM);
    emit->length += at ? aci_number_write_float(value, at) : 0;
}
