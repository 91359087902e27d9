#include "gzip.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, and gzip's frame instead of zlib's */
#define FIRST_ROOM 65536

/* zlib counts in unsigned int: long inputs are given and taken in pieces. */
static unsigned piece(size_t left) {
    return left > UINT_MAX ? UINT_MAX : (unsigned)left;
}

typedef struct output {
    char *bytes;
    size_t length, room;
} output;

static bool grow(output *out, size_t limit) {
    size_t room = out->room ? out->room * 2 : FIRST_ROOM;
    char *bytes;
    if (room > limit)
        room = limit;
    bytes = realloc(out->bytes, room ? room : 1);
    if (!bytes)
        return false;
    out->bytes = bytes;
    out->room = room;
    return true;
}

/* Gives the stream what is left of the input and of the room, runs it, and counts. */
static int turn(z_stream *stream, int (*run)(z_stream *, int), const char **in, size_t *left,
                output *out) {
    unsigned given = piece(*left), room = piece(out->room - out->length);
    int flush = run == deflate && given == *left ? Z_FINISH : Z_NO_FLUSH;
    stream->next_in = (Bytef *)*in;
    stream->avail_in = given;
    stream->next_out = (Bytef *)out->bytes + out->length;
    stream->avail_out = room;
    int code = run(stream, flush);
    *in += given - stream->avail_in;
    *left -= given - stream->avail_in;
    out->length += room - stream->avail_out;
    return code;
}

aci_gzip_status aci_gzip_write(const char *bytes, size_t length, int level, char **out,
                               size_t *out_length) {
    z_stream stream = {0};
    output made = {0};
    int code = deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    if (code != Z_OK)
        return ACI_GZIP_MEMORY;
    while (code != Z_STREAM_END) {
        if (made.length == made.room && !grow(&made, SIZE_MAX))
            break;
        code = turn(&stream, deflate, &bytes, &length, &made);
    }
    deflateEnd(&stream);
    if (code != Z_STREAM_END) {
        free(made.bytes);
        return ACI_GZIP_MEMORY;
    }
    *out = made.bytes;
    *out_length = made.length;
    return ACI_GZIP_OK;
}

/* All members; what is wrong, if anything. */
static aci_gzip_status read_members(z_stream *stream, const char *bytes, size_t length,
                                    size_t limit, output *made) {
    int code = Z_OK;
    do {
        bool full = made->length == made->room && (made->room < limit || !made->bytes);
        if (full && !grow(made, limit))
            return ACI_GZIP_MEMORY;
        code = turn(stream, inflate, &bytes, &length, made);
        if (code == Z_MEM_ERROR)
            return ACI_GZIP_MEMORY;
        if (code == Z_BUF_ERROR)
            return length && made->length == limit ? ACI_GZIP_TOO_LARGE : ACI_GZIP_BROKEN;
        if (code != Z_OK && code != Z_STREAM_END)
            return ACI_GZIP_BROKEN;
        if (code == Z_STREAM_END && length && inflateReset(stream) != Z_OK)
            return ACI_GZIP_BROKEN;
    } while (code != Z_STREAM_END || length);
    return ACI_GZIP_OK;
}

aci_gzip_status aci_gzip_read(const char *bytes, size_t length, size_t limit, char **out,
                              size_t *out_length) {
    z_stream stream = {0};
    output made = {0};
    aci_gzip_status status;
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return ACI_GZIP_MEMORY;
    status = read_members(&stream, bytes, length, limit, &made);
    inflateEnd(&stream);
    if (status != ACI_GZIP_OK) {
        free(made.bytes);
        return status;
    }
    *out = made.bytes;
    *out_length = made.length;
    return ACI_GZIP_OK;
}
