/* The challenges of a WWW-Authenticate header (RFC 9110, 11.6.1), pulled piece by piece. It
 * allocates nothing and takes time linear in the length. Several challenges may stand in one
 * header; as Azure Storage writes them, unquoted values may hold what no token may, and blanks may
 * stand for commas. */
#ifndef ACI_CHALLENGE_H
#define ACI_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum aci_challenge_kind {
    ACI_CHALLENGE_END,       /* no more, or what follows is no challenge */
    ACI_CHALLENGE_SCHEME,    /* name; what follows belongs to it */
    ACI_CHALLENGE_PARAMETER, /* name and value; the name is empty where a scheme's whole argument is
                                one word ("Negotiate TlRMTVNT==") */
} aci_challenge_kind;

typedef struct aci_challenge {
    const char *name, *value; /* views into the text */
    size_t name_length, value_length;
    bool quoted; /* the value is between quotes: see aci_challenge_unquote */
    /* The reader's own: */
    const char *at, *end;
    bool opened; /* the last piece was a scheme */
    bool inside; /* there was a scheme */
} aci_challenge;

/* Begin to read; the text must stay where it is. */
void aci_challenge_init(aci_challenge *challenge, const char *text, size_t length);

aci_challenge_kind aci_challenge_next(aci_challenge *challenge);

/* Resolve the backslashes of a quoted value. `out` has room for value_length bytes; returns how
 * many were written. */
size_t aci_challenge_unquote(const aci_challenge *challenge, char *out);

#endif
