/* Fuzzes the reader of gzip, and the writer with whatever comes.
 * sources: bindings/core/gzip.c -lz
 *
 * The first byte chooses the limit and the level. The bytes are read as given, and as the
 * compressed part of a frame with the right checksum, which chance would not find. Beyond "no
 * crash": the limit holds, what a larger limit lets through is the same, and what was written is
 * read back. */
#include "../../bindings/core/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum { FRAME = 10, TRAILER = 8, ROOM = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok) {
    if (!ok)
        abort();
}

static void check_read(const char *bytes, size_t length, size_t limit) {
    char *small = NULL, *large = NULL;
    size_t small_length = 0, large_length = 0;
    aci_gzip_status first = aci_gzip_read(bytes, length, limit, &small, &small_length);
    aci_gzip_status second = aci_gzip_read(bytes, length, 2 * limit + 1, &large, &large_length);
    require(first != ACI_GZIP_OK ||
            (second == ACI_GZIP_OK && small_length == large_length && small_length <= limit));
    require(first != ACI_GZIP_BROKEN || second == ACI_GZIP_BROKEN);
    require(second != ACI_GZIP_OK || first != ACI_GZIP_TOO_LARGE || large_length > limit);
    require(first != ACI_GZIP_OK || memcmp(small, large, small_length) == 0);
    free(small);
    free(large);
}

static void check_write(const char *bytes, size_t length, int level) {
    char *packed = NULL, *plain = NULL;
    size_t packed_length, plain_length;
    require(aci_gzip_write(bytes, length, level, &packed, &packed_length) == ACI_GZIP_OK);
    require(aci_gzip_read(packed, packed_length, length, &plain, &plain_length) == ACI_GZIP_OK);
    require(plain_length == length && memcmp(plain, bytes, length) == 0);
    free(packed);
    free(plain);
}

static void put_number(char *at, unsigned long number) {
    for (int i = 0; i < 4; i++)
        at[i] = (char)(number >> 8 * i & 0xff);
}

/* The bytes as a member: what follows the compressed part stays behind the trailer. */
static void check_framed(const char *bytes, size_t length, size_t limit) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)length};
    char *plain = malloc(ROOM), *framed = calloc(1, FRAME + length + TRAILER);
    stream.next_out = (Bytef *)plain;
    stream.avail_out = ROOM;
    require(inflateInit2(&stream, -15) == Z_OK);
    if (inflate(&stream, Z_FINISH) == Z_STREAM_END) {
        size_t used = length - stream.avail_in;
        memcpy(framed, "\x1f\x8b\x08", 3);
        memcpy(framed + FRAME, bytes, used);
        put_number(framed + FRAME + used, crc32(0, (Bytef *)plain, (uInt)stream.total_out));
        put_number(framed + FRAME + used + 4, stream.total_out);
        memcpy(framed + FRAME + used + TRAILER, bytes + used, length - used);
        check_read(framed, FRAME + used + TRAILER, limit);
        check_read(framed, FRAME + length + TRAILER, limit);
    }
    inflateEnd(&stream);
    free(plain);
    free(framed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t limits[] = {0, 1, 100, 5000, 65536, 1 << 20};
    if (size == 0)
        return 0;
    char *bytes = malloc(size); /* exact, so that a read past the end is seen */
    memcpy(bytes, data + 1, size - 1);
    check_read(bytes, size - 1, limits[data[0] % 6]);
    check_framed(bytes, size - 1, limits[data[0] % 6]);
    check_write(bytes, size - 1, data[0] / 6 % 10);
    free(bytes);
    return 0;
}
