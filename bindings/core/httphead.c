#include "httphead.h"

#include <string.h>
#include <strings.h>

static const aci_refusal fine = {0, NULL};

static aci_refusal refuse(int status, const char *reason) {
    return (aci_refusal){status, reason};
}

/* ---- characters ---- */

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token(unsigned char c) {
    return is_digit(c) || is_letter(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_space(unsigned char c) {
    return c == ' ' || c == '\t';
}

/* Fields may carry bytes above 127 (obs-text); no control character but the tab. */
static bool is_value(unsigned char c) {
    return c == '\t' || (c >= ' ' && c != 127);
}

bool aci_head_name_ok(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!is_token((unsigned char)bytes[i]))
            return false;
    return len > 0;
}

bool aci_head_value_ok(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!is_value((unsigned char)bytes[i]))
            return false;
    return true;
}

/* ---- spans ---- */

static aci_span span(const char *from, const char *to) {
    return (aci_span){from, (size_t)(to - from)};
}

static aci_span trim(aci_span s) {
    while (s.len && is_space((unsigned char)s.at[0]))
        s.at++, s.len--;
    while (s.len && is_space((unsigned char)s.at[s.len - 1]))
        s.len--;
    return s;
}

bool aci_span_is(aci_span s, const char *lower) {
    return s.len == strlen(lower) && strncasecmp(s.at, lower, s.len) == 0;
}

bool aci_head_has(aci_span list, const char *lower) {
    for (;;) {
        const char *comma = list.len ? memchr(list.at, ',', list.len) : NULL;
        aci_span item = comma ? span(list.at, comma) : list;
        if (aci_span_is(trim(item), lower))
            return true;
        if (!comma)
            return false;
        list = span(comma + 1, list.at + list.len);
    }
}

bool aci_head_number(aci_span digits, int64_t *number) {
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit((unsigned char)digits.at[i]) || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (digits.at[i] - '0');
    }
    *number = value;
    return digits.len > 0;
}

bool aci_head_authority(aci_span authority, aci_span *host, int *port) {
    const char *end = authority.at + authority.len, *at = authority.at;
    int64_t number = 0;
    if (authority.len && *at == '[') {
        const char *close = memchr(at, ']', authority.len);
        if (!close)
            return false;
        *host = span(at + 1, close);
        for (at = host->at; at < close; at++)
            if (!strchr("0123456789abcdefABCDEF:.", *at) || !*at)
                return false;
        at = close + 1;
    } else {
        while (at < end && (is_digit((unsigned char)*at) || is_letter((unsigned char)*at) ||
                            (*at && strchr("-._~%!$&'()*+,;=", *at))))
            at++;
        *host = span(authority.at, at);
    }
    *port = 0;
    if (host->len == 0)
        return false;
    if (at == end)
        return true;
    if (*at != ':' || !aci_head_number(span(at + 1, end), &number) || number < 1 || number > 65535)
        return false;
    *port = (int)number;
    return true;
}

/* ---- where it ends ---- */

static aci_refusal too_long(const char *bytes, size_t len) {
    if (!memchr(bytes, '\n', len))
        return refuse(414, "the request target is too long");
    return refuse(431, "the request head is larger than 64 KiB");
}

aci_scan aci_head_scan(const char *bytes, size_t len, size_t *from, aci_refusal *refusal) {
    size_t most = len < ACI_HEAD_MAX ? len : ACI_HEAD_MAX;
    *refusal = fine;
    /* A TLS handshake or a binary protocol on a plain port: say so now, not after the time-out. */
    if (len && !is_token((unsigned char)bytes[0]))
        *refusal = refuse(400, "this is no HTTP request");
    while (!refusal->status && *from < most) {
        const char *found = memchr(bytes + *from, '\n', most - *from);
        size_t at = found ? (size_t)(found - bytes) : most;
        *from = found ? at + 1 : most;
        if (!found)
            break;
        if (at == 0 || bytes[at - 1] != '\r')
            *refusal = refuse(400, "a line of the head does not end in CR LF");
        else if (at >= 3 && bytes[at - 2] == '\n')
            return ACI_SCAN_DONE;
    }
    if (!refusal->status && len >= ACI_HEAD_MAX)
        *refusal = too_long(bytes, ACI_HEAD_MAX);
    return refusal->status ? ACI_SCAN_REFUSED : ACI_SCAN_MORE;
}

/* ---- request line ---- */

static aci_refusal read_version(aci_head *head, aci_span version) {
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 ||
        !is_digit((unsigned char)version.at[5]) || version.at[6] != '.' ||
        !is_digit((unsigned char)version.at[7]))
        return refuse(400, "the request line does not end in an HTTP version");
    if (version.at[5] != '1')
        return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    head->minor = version.at[7] - '0';
    return fine;
}

static void split_query(aci_head *head, aci_span rest) {
    const char *mark = rest.len ? memchr(rest.at, '?', rest.len) : NULL;
    head->path = mark ? span(rest.at, mark) : rest;
    if (mark)
        head->query = span(mark + 1, rest.at + rest.len);
}

/* http://authority/path?query, as sent to a proxy. */
static aci_refusal read_absolute(aci_head *head, aci_span target) {
    size_t skip = 0;
    if (target.len > 7 && strncasecmp(target.at, "http://", 7) == 0)
        skip = 7;
    else if (target.len > 8 && strncasecmp(target.at, "https://", 8) == 0)
        skip = 8;
    else
        return refuse(400, "the request target is no path and no http URL");
    aci_span rest = {target.at + skip, target.len - skip};
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
        end++;
    head->authority = (aci_span){rest.at, end};
    split_query(head, (aci_span){rest.at + end, rest.len - end});
    if (head->path.len == 0)
        head->path = (aci_span){"/", 1};
    return fine;
}

static aci_refusal read_target(aci_head *head) {
    aci_span target = head->target, host;
    int port;
    if (target.len > ACI_TARGET_MAX)
        return refuse(414, "the request target is longer than 16 KiB");
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 127 ||
            target.at[i] == '#')
            return refuse(400, "a character of the request target is not percent-encoded");
    if (head->connect) {
        head->authority = target;
        return aci_head_authority(target, &host, &port) && port
                   ? fine
                   : refuse(400, "CONNECT needs host:port");
    }
    if (target.at[0] == '/') {
        split_query(head, target);
        return fine;
    }
    if (target.len == 1 && target.at[0] == '*' && aci_span_is(head->method, "options")) {
        head->path = target;
        return fine;
    }
    return read_absolute(head, target);
}

static aci_refusal read_line(aci_head *head, aci_span line) {
    const char *end = line.at + line.len;
    const char *first = memchr(line.at, ' ', line.len);
    const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (!second || second == first + 1)
        return refuse(400, "the request line is not METHOD TARGET HTTP/1.1");
    head->method = span(line.at, first);
    head->target = span(first + 1, second);
    if (!aci_head_name_ok(head->method.at, head->method.len) || head->method.len > 32)
        return refuse(400, "this is no HTTP method");
    head->connect = head->method.len == 7 && memcmp(head->method.at, "CONNECT", 7) == 0;
    head->is_head = head->method.len == 4 && memcmp(head->method.at, "HEAD", 4) == 0;
    aci_refusal refusal = read_version(head, span(second + 1, end));
    return refusal.status ? refusal : read_target(head);
}

/* ---- fields ---- */

int aci_head_next(aci_span *lines, aci_span *name, aci_span *value) {
    if (lines->len == 0)
        return 0;
    const char *end = memchr(lines->at, '\r', lines->len);
    const char *limit = lines->at + lines->len;
    if (!end || end + 1 >= limit || end[1] != '\n')
        return -1;
    const char *colon = memchr(lines->at, ':', (size_t)(end - lines->at));
    if (!colon || !aci_head_name_ok(lines->at, (size_t)(colon - lines->at)))
        return -1;
    *name = span(lines->at, colon);
    *value = trim(span(colon + 1, end));
    if (!aci_head_value_ok(value->at, value->len))
        return -1;
    *lines = span(end + 2, limit);
    return 1;
}

static aci_refusal on_length(aci_head *head, aci_span value) {
    int64_t length;
    if (!aci_head_number(value, &length))
        return refuse(400, "Content-Length is not a number");
    if (head->length >= 0 && head->length != length)
        return refuse(400, "two different Content-Length fields");
    head->length = length;
    return fine;
}

static aci_refusal on_coding(aci_head *head, aci_span value) {
    if (head->has_te)
        return refuse(400, "two Transfer-Encoding fields");
    head->has_te = true;
    if (!aci_span_is(value, "chunked"))
        return refuse(501, "the only transfer coding understood is chunked");
    head->chunked = true;
    return fine;
}

static aci_refusal on_host(aci_head *head, aci_span value) {
    aci_span host;
    int port;
    if (head->has_host)
        return refuse(400, "two Host fields");
    head->has_host = true;
    if (!aci_head_authority(value, &host, &port))
        return refuse(400, "the Host field is no host[:port]");
    if (!head->authority.at) /* the target's own authority wins (RFC 9112, 3.2.2) */
        head->authority = value;
    return fine;
}

static aci_refusal on_connection(aci_head *head, aci_span value) {
    if (aci_head_has(value, "close"))
        head->keep = false;
    else if (head->minor == 0 && aci_head_has(value, "keep-alive"))
        head->keep = true;
    return fine;
}

static aci_refusal on_expect(aci_head *head, aci_span value) {
    if (!aci_span_is(value, "100-continue"))
        return refuse(417, "the only expectation understood is 100-continue");
    head->expects = head->minor > 0;
    return fine;
}

static aci_refusal on_field(aci_head *head, aci_span name, aci_span value) {
    static const struct {
        const char *name;
        aci_refusal (*read)(aci_head *, aci_span);
    } readers[] = {
        {"content-length", on_length},
        {"transfer-encoding", on_coding},
        {"host", on_host},
        {"connection", on_connection},
        {"expect", on_expect},
    };
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (aci_span_is(name, readers[i].name))
            return readers[i].read(head, value);
    return fine;
}

static aci_refusal read_fields(aci_head *head) {
    aci_span lines = head->fields, name, value;
    int got, count = 0;
    while ((got = aci_head_next(&lines, &name, &value)) > 0) {
        if (++count > ACI_HEAD_FIELDS)
            return refuse(431, "more than 256 header fields");
        aci_refusal refusal = on_field(head, name, value);
        if (refusal.status)
            return refusal;
    }
    return got < 0 ? refuse(400, "a header line is not name: value") : fine;
}

/* What no single line shows. */
static aci_refusal check_whole(const aci_head *head) {
    if (head->has_te && head->length >= 0)
        return refuse(400, "Content-Length together with Transfer-Encoding");
    if (head->has_te && head->minor == 0)
        return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (!head->has_host && head->minor > 0)
        return refuse(400, "no Host field");
    if (head->connect && (head->has_te || head->length > 0))
        return refuse(400, "CONNECT with a body");
    return fine;
}

aci_refusal aci_head_parse(aci_head *head, const char *bytes, size_t len) {
    *head = (aci_head){.length = -1};
    const char *end = len >= 4 ? memchr(bytes, '\r', len - 3) : NULL;
    if (!end || end[1] != '\n' || memcmp(bytes + len - 2, "\r\n", 2) != 0)
        return refuse(400, "the request line does not end in CR LF");
    aci_refusal refusal = read_line(head, span(bytes, end));
    if (refusal.status)
        return refusal;
    head->keep = head->minor > 0;
    head->fields = span(end + 2, bytes + len - 2);
    refusal = read_fields(head);
    return refusal.status ? refusal : check_whole(head);
}
