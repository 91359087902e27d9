/* The head of an HTTP/1.x request: request line and fields, up to the empty line.
 * Pure functions over bytes; nothing is allocated, nothing is changed. What two readers could
 * understand in two ways is refused, never repaired. */
#ifndef ACI_HTTPHEAD_H
#define ACI_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACI_HEAD_MAX = 64 * 1024,   /* bytes of a head, the empty line included */
    ACI_TARGET_MAX = 16 * 1024, /* bytes of a request target */
    ACI_HEAD_FIELDS = 256       /* header fields */
};

typedef struct aci_span {
    const char *at;
    size_t len;
} aci_span;

/* Why a request was refused: the status to answer and one short English sentence. */
typedef struct aci_refusal {
    int status; /* 0: nothing wrong */
    const char *reason;
} aci_refusal;

typedef struct aci_head {
    aci_span method;
    aci_span target;       /* as sent */
    aci_span path;         /* as sent, before the `?`; empty for CONNECT */
    aci_span query;        /* as sent, after the `?`; at is NULL when there is none */
    aci_span authority;    /* of the target, else the Host field; at is NULL when there is none */
    aci_span fields;       /* all field lines, for aci_head_next */
    int64_t length;        /* Content-Length, or -1 */
    int minor;             /* HTTP/1.minor */
    bool chunked;          /* the body comes in chunks */
    bool keep;             /* the client lets the connection be used again */
    bool expects;          /* it waits for 100 Continue before it sends the body */
    bool connect;          /* CONNECT: `target` is host:port */
    bool is_head;          /* HEAD: no body in the answer */
    bool has_te, has_host; /* while reading */
} aci_head;

typedef enum aci_scan { ACI_SCAN_MORE, ACI_SCAN_DONE, ACI_SCAN_REFUSED } aci_scan;

/* Looks for the end of the head in the first `len` bytes. `*from` is how far earlier calls looked
 * (0 at first) and, when DONE, the size of the head. Refuses what can't become one. */
aci_scan aci_head_scan(const char *bytes, size_t len, size_t *from, aci_refusal *refusal);

/* Reads a head of exactly `len` bytes, as found by aci_head_scan. The spans point into `bytes`. */
aci_refusal aci_head_parse(aci_head *head, const char *bytes, size_t len);

/* Takes the next field line off `lines` (`name: value CRLF ...`). 1: got one, 0: no more,
 * -1: not a field line. The value has no spaces around it. */
int aci_head_next(aci_span *lines, aci_span *name, aci_span *value);

bool aci_span_is(aci_span span, const char *lower);    /* equal but for the case of letters */
bool aci_head_has(aci_span list, const char *lower);   /* is the token in this comma list? */
bool aci_head_name_ok(const char *bytes, size_t len);  /* may it be a field name? */
bool aci_head_value_ok(const char *bytes, size_t len); /* may it be a field value? */
bool aci_head_number(aci_span digits, int64_t *number);

/* Splits `host[:port]` (`[v6]` without its brackets). False when it is neither; port 0: none. */
bool aci_head_authority(aci_span authority, aci_span *host, int *port);

#endif
