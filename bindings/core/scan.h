/* A strict JSON tokenizer (RFC 8259) that the caller pulls token by token.
 *
 * It allocates nothing, keeps the grammar itself (the caller never sees a comma or a colon) and
 * answers every document that is not JSON with a message, a line and a column:
 *
 *     aci_scan scan;
 *     aci_scan_init(&scan, text, length, 0);
 *     for (;;) {
 *         switch (aci_scan_next(&scan)) {
 *         case ACI_SCAN_ERROR: aci_scan_where(&scan, &line, &column); return fail(scan.error);
 *         case ACI_SCAN_END: return done();
 *         ...
 *
 * The text must stay where it is while it is scanned, and text[length] must be readable and no
 * part of it (a Lua string has a NUL there). */
#ifndef ACI_CORE_SCAN_H
#define ACI_CORE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arrays and objects nested deeper than this are an error. */
#define ACI_SCAN_DEPTH 512

/* What may be let through besides JSON. ARM templates need all three. */
enum {
    ACI_SCAN_COMMENTS = 1,    /* line and block comments, and a byte order mark at the start */
    ACI_SCAN_LINE_BREAKS = 2, /* raw line breaks and tabs inside strings; they are kept */
    ACI_SCAN_NAMES = 4,       /* member names without quotes: [A-Za-z_$][A-Za-z0-9_$]* */
};

typedef enum aci_token {
    ACI_SCAN_ERROR, /* error says what; every later call answers the same */
    ACI_SCAN_END,   /* the document was whole and nothing follows it */
    ACI_SCAN_NULL,
    ACI_SCAN_FALSE,
    ACI_SCAN_TRUE,
    ACI_SCAN_INTEGER, /* integer: no fraction, no exponent, fits 64 bits; -0 is a float */
    ACI_SCAN_FLOAT,   /* number: finite; integers beyond 64 bits come here too */
    ACI_SCAN_STRING,  /* start, length: between the quotes; escaped: see aci_string_unescape
                         (jstring.h) */
    ACI_SCAN_NAME,    /* a member's name, as STRING; its value is the next token */
    ACI_SCAN_ARRAY,
    ACI_SCAN_ARRAY_END,
    ACI_SCAN_OBJECT,
    ACI_SCAN_OBJECT_END,
} aci_token;

typedef struct aci_scan {
    /* Of the last token: */
    const char *start; /* its first byte (of strings: the one after the quote) */
    size_t length;     /* of strings: bytes between the quotes */
    bool escaped;      /* of strings: contains at least one backslash */
    int64_t integer;
    double number;
    const char *error; /* a static sentence, without position and without any of the text */
    /* The scanner's own: */
    const char *text, *at, *end;
    unsigned options;
    unsigned depth;
    unsigned expect;
    uint64_t objects[ACI_SCAN_DEPTH / 64]; /* one bit per level: is it an object? */
} aci_scan;

/* Start at the beginning of text. options: ACI_SCAN_COMMENTS | ... or 0 for strict JSON. */
void aci_scan_init(aci_scan *scan, const char *text, size_t length, unsigned options);

/* The next token. */
aci_token aci_scan_next(aci_scan *scan);

/* Report an error of the caller's own (a duplicate name, say) at the last token; message must
 * outlive the scanner. Returns ACI_SCAN_ERROR. */
aci_token aci_scan_refuse(aci_scan *scan, const char *message);

/* Where the error is, or where the scanner stands: line and column from 1, columns in characters.
 * Counts from the beginning each time: for error messages. */
void aci_scan_where(const aci_scan *scan, size_t *line, size_t *column);

#endif
