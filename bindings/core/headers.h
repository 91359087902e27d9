/* The head of an HTTP answer, collected line by line: names in lower case, values trimmed. */
#ifndef ACI_HEADERS_H
#define ACI_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct aci_headers {
    char *bytes; /* name NUL value NUL, again and again */
    size_t length, room;
    uint64_t marks; /* a bit for each name, by a hash of it */
    bool repeats;   /* two have the same bit, so a name may be there twice */
    bool complete;  /* the empty line has come; what follows are trailers, which are dropped */
} aci_headers;

/* Most bytes of one head. */
#define ACI_HEADERS_MAX (1024 * 1024)

/* One line as libcurl gives it, its line end included. A status line begins anew (after a 100 or
 * a redirect). 0, -EFBIG or -ENOMEM. */
int aci_headers_line(aci_headers *head, const char *line, size_t length);

/* The header at *at, which starts at 0 and is moved on; false at the end. */
bool aci_headers_next(const aci_headers *head, size_t *at, const char **name, const char **value);

void aci_headers_drop(aci_headers *head);

#endif
