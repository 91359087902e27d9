/* JSON text being written: a growing buffer that knows how strings and numbers are spelled.
 *
 * Nothing here fails loudly: the first fault (no memory, a string that is not UTF-8) stays in
 * fault, and everything after it is ignored. A zeroed aci_emit is an empty one. */
#ifndef ACI_CORE_EMIT_H
#define ACI_CORE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct aci_emit {
    char *text;
    size_t length, room;
    const char *fault; /* static sentence, or NULL */
    bool wipe;         /* the text is secret: wipe every buffer it was in */
} aci_emit;

/* Release the buffer; the emit is empty then and may be used again. */
void aci_emit_free(aci_emit *emit);

/* Bytes as they are. */
void aci_emit_bytes(aci_emit *emit, const char *bytes, size_t length);
void aci_emit_byte(aci_emit *emit, char byte);

/* A line break and two blanks per level. */
void aci_emit_line(aci_emit *emit, unsigned level);

/* A string in quotes. Escaped are quotes, backslashes and control characters, nothing else. */
void aci_emit_string(aci_emit *emit, const char *bytes, size_t length);

void aci_emit_integer(aci_emit *emit, int64_t value);

/* A finite number, in the fewest digits that read back the same. */
void aci_emit_float(aci_emit *emit, double value);

#endif
