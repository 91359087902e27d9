/* Fuzzes the reader of request heads and the decoder of chunks.
 * sources: bindings/core/httphead.c bindings/core/chunked.c
 *
 * Beyond "no crash": how the bytes are cut may not change the outcome, spans stay inside the head,
 * and an accepted head leaves no doubt about the body's length. */
#include "../../bindings/core/chunked.h"
#include "../../bindings/core/httphead.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok) {
    if (!ok)
        abort();
}

static void inside(aci_span span, const char *bytes, size_t len) {
    static const char root[] = "/";
    if (span.at && !(span.len == 1 && memcmp(span.at, root, 1) == 0))
        require(span.at >= bytes && span.at + span.len <= bytes + len);
}

static void check_head(const char *bytes, size_t len) {
    aci_head head;
    aci_span lines, name, value, host;
    int port, fields = 0;
    if (aci_head_parse(&head, bytes, len).status)
        return;
    inside(head.method, bytes, len);
    inside(head.target, bytes, len);
    inside(head.path, bytes, len);
    inside(head.query, bytes, len);
    inside(head.fields, bytes, len);
    require(!(head.chunked && head.length >= 0));
    require(head.minor == 0 || head.authority.at);
    for (lines = head.fields; aci_head_next(&lines, &name, &value) > 0; fields++)
        require(aci_head_name_ok(name.at, name.len) && aci_head_value_ok(value.at, value.len));
    require(lines.len == 0 && fields <= ACI_HEAD_FIELDS);
    if (head.authority.at)
        aci_head_authority(head.authority, &host, &port);
}

/* Scans byte by byte and at once; both must agree. */
static void check_scan(const char *bytes, size_t len) {
    aci_refusal refusal;
    size_t at = 0, step = 0;
    aci_scan whole = aci_head_scan(bytes, len, &at, &refusal), pieces = ACI_SCAN_MORE;
    for (size_t i = 1; i <= len && pieces == ACI_SCAN_MORE; i++)
        pieces = aci_head_scan(bytes, i, &step, &refusal);
    require(whole == pieces);
    if (whole != ACI_SCAN_DONE)
        return;
    require(at == step);
    char *exact = malloc(at); /* so that a read past the end is seen */
    require(exact != NULL);
    memcpy(exact, bytes, at);
    check_head(exact, at);
    free(exact);
}

/* Decodes in pieces of `most` bytes; the body's size and a hash of it. */
static aci_chunk decode(const char *bytes, size_t len, size_t most, uint64_t *sum) {
    aci_chunked decoder = {0};
    aci_chunk got = ACI_CHUNK_MORE;
    size_t at = 0;
    *sum = 14695981039346656037u;
    while (at < len && got != ACI_CHUNK_END && got != ACI_CHUNK_BAD) {
        size_t used, data_len = 0, room = len - at < most ? len - at : most;
        const char *data = NULL;
        got = aci_chunked_next(&decoder, bytes + at, room, &used, &data, &data_len);
        require(used <= room && data_len <= used);
        for (size_t i = 0; got == ACI_CHUNK_DATA && i < data_len; i++)
            *sum = (*sum ^ (unsigned char)data[i]) * 1099511628211u;
        at += used;
    }
    return got == ACI_CHUNK_DATA ? ACI_CHUNK_MORE : got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    uint64_t whole, pieces;
    check_scan(bytes, size);
    check_head(bytes, size);
    require(decode(bytes, size, size, &whole) == decode(bytes, size, 1, &pieces));
    require(whole == pieces);
    return 0;
}
