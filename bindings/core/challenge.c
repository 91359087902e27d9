#include "challenge.h"

#include <string.h>

static bool is_alnum(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token(char c) {
    return is_alnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_word(char c) { /* of a token68 */
    return is_alnum((unsigned char)c) || (c && strchr("-._~+/", c));
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && is_blank(*at))
        at++;
    return at;
}

void aci_challenge_init(aci_challenge *c, const char *text, size_t length) {
    *c = (aci_challenge){.at = text, .end = text + length};
}

static aci_challenge_kind stop(aci_challenge *c) {
    c->at = c->end;
    return ACI_CHALLENGE_END;
}

/* A word alone behind the scheme, up to a comma or the end. */
static bool read_word(aci_challenge *c) {
    const char *from = c->at, *to = from;
    while (to < c->end && is_word(*to))
        to++;
    if (to == from)
        return false;
    while (to < c->end && *to == '=')
        to++;
    const char *after = skip_blanks(to, c->end);
    if (after < c->end && *after != ',')
        return false;
    c->name = c->value = from;
    c->name_length = 0;
    c->value_length = (size_t)(to - from);
    c->quoted = false;
    c->at = after;
    return true;
}

/* Between quotes, from the byte after the first. */
static bool read_quoted(aci_challenge *c, const char *at) {
    c->value = at;
    c->quoted = true;
    while (at < c->end && *at != '"')
        at += *at == '\\' && at + 1 < c->end ? 2 : 1;
    c->value_length = (size_t)(at - c->value);
    c->at = at + 1;
    return at < c->end;
}

static aci_challenge_kind read_value(aci_challenge *c, const char *at) {
    at = skip_blanks(at, c->end);
    if (at < c->end && *at == '"')
        return read_quoted(c, at + 1) ? ACI_CHALLENGE_PARAMETER : stop(c);
    c->value = at;
    c->quoted = false;
    while (at < c->end && !is_blank(*at) && *at != ',' && *at != '"')
        at++;
    c->value_length = (size_t)(at - c->value);
    c->at = at;
    return ACI_CHALLENGE_PARAMETER;
}

static aci_challenge_kind read_piece(aci_challenge *c) {
    const char *from = c->at, *to = from, *after;
    while (to < c->end && is_token(*to))
        to++;
    after = skip_blanks(to, c->end);
    c->name = from;
    c->name_length = (size_t)(to - from);
    if (to == from)
        return stop(c);
    if (after < c->end && *after == '=')
        return c->inside ? read_value(c, after + 1) : stop(c);
    if (to < c->end && !is_blank(*to) && *to != ',')
        return stop(c);
    c->value = to;
    c->value_length = 0;
    c->quoted = false;
    c->at = to;
    c->inside = c->opened = true;
    return ACI_CHALLENGE_SCHEME;
}

aci_challenge_kind aci_challenge_next(aci_challenge *c) {
    bool opened = c->opened;
    c->opened = false;
    c->at = skip_blanks(c->at, c->end);
    if (opened && c->at < c->end && *c->at != ',' && read_word(c))
        return ACI_CHALLENGE_PARAMETER;
    while (c->at < c->end && (is_blank(*c->at) || *c->at == ','))
        c->at++;
    return c->at < c->end ? read_piece(c) : ACI_CHALLENGE_END;
}

size_t aci_challenge_unquote(const aci_challenge *c, char *out) {
    char *to = out;
    for (size_t i = 0; i < c->value_length; i++) {
        if (c->quoted && c->value[i] == '\\' && i + 1 < c->value_length)
            i++;
        *to++ = c->value[i];
    }
    return (size_t)(to - out);
}
