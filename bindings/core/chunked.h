/* The chunked transfer coding (RFC 9112, 7.1): a decoder that is fed as bytes come, and the line
 * before a chunk for the encoder. Extensions and trailers are checked, bounded and dropped. */
#ifndef ACI_CHUNKED_H
#define ACI_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

enum { ACI_CHUNK_LINE = 20 }; /* room for the longest line before a chunk */

/* Zeroed: at the start of a body. */
typedef struct aci_chunked {
    uint64_t left;  /* bytes that are missing of the chunk */
    uint32_t line;  /* bytes of the line, or of the trailers, so far */
    uint8_t digits; /* hex digits of the size so far */
    uint8_t state;
} aci_chunked;

typedef enum aci_chunk { ACI_CHUNK_MORE, ACI_CHUNK_DATA, ACI_CHUNK_END, ACI_CHUNK_BAD } aci_chunk;

/* Reads on in `bytes`. `*used` is how many it took. DATA: of these the last `*data_len`, at
 * `*data`, are body. MORE: all were taken. END: the body and its trailers are complete. */
aci_chunk aci_chunked_next(aci_chunked *decoder, const char *bytes, size_t len, size_t *used,
                           const char **data, size_t *data_len);

/* Writes the line before a chunk of `len` bytes, and returns its length. */
size_t aci_chunked_line(char line[ACI_CHUNK_LINE], size_t len);

#endif
