#include "url.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- percent-encoding ---- */

static bool is_alnum(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_kept(unsigned char c, const char *keep) {
    return is_alnum(c) || (c && strchr("-._~", c)) || (c && keep && strchr(keep, c));
}

size_t aci_url_escape(const char *text, size_t length, const char *keep, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    char *to = out;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_kept(c, keep)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    return (size_t)(to - out);
}

/* ---- parts ---- */

static aci_url_part span(const char *from, const char *to) {
    return (aci_url_part){from, (size_t)(to - from)};
}

static const char *find(const char *from, const char *end, char c) {
    while (from < end && *from != c)
        from++;
    return from;
}

static const char *find_path(const char *from, const char *end) {
    while (from < end && *from != '/' && *from != '?' && *from != '#')
        from++;
    return from;
}

static bool parse_port(const char *from, const char *end, int *port) {
    int value = 0;
    if (end - from > 5)
        return false;
    for (; from < end; from++) {
        if (*from < '0' || *from > '9')
            return false;
        value = value * 10 + (*from - '0');
    }
    *port = value;
    return value <= 65535;
}

static const char *parse_host(const char *from, const char *end, aci_url *url) {
    const char *stop;
    if (from < end && *from == '[') {
        stop = find(from, end, ']');
        if (stop == end)
            return "the IPv6 address in it lacks its ']'";
        url->host = span(from + 1, stop++);
    } else {
        stop = find(from, end, ':');
        url->host = span(from, stop);
    }
    if (url->host.length == 0)
        return "it has no host";
    if (stop < end && (*stop != ':' || !parse_port(stop + 1, end, &url->port)))
        return "its port is no number up to 65535";
    return NULL;
}

static const char *parse_authority(const char *from, const char *end, aci_url *url) {
    for (const char *at = end; at > from; at--) {
        if (at[-1] == '@') {
            url->userinfo = true;
            from = at;
            break;
        }
    }
    return parse_host(from, end, url);
}

static const char *parse_scheme(const char *text, const char *end, aci_url *url) {
    static const char words[] = "https";
    size_t length = 0;
    while (length < 5 && text + length < end && (text[length] | 0x20) == words[length])
        length++;
    if (length < 4 || end - text - (ptrdiff_t)length < 3 || memcmp(text + length, "://", 3) != 0)
        return "it does not begin with http:// or https://";
    url->scheme = span(text, text + length);
    return NULL;
}

static const char *check_characters(const char *text, const char *end) {
    for (; text < end; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            return "it holds a space or another character that must be escaped";
    return NULL;
}

const char *aci_url_parse(const char *text, size_t length, aci_url *url) {
    const char *end = text + length, *wrong, *authority, *path, *query;
    *url = (aci_url){0};
    if ((wrong = check_characters(text, end)) || (wrong = parse_scheme(text, end, url)))
        return wrong;
    authority = url->scheme.at + url->scheme.length + 3;
    path = find_path(authority, end);
    if ((wrong = parse_authority(authority, path, url)))
        return wrong;
    end = find(path, end, '#');
    query = find(path, end, '?');
    url->path = span(path, query);
    if (query < end)
        url->query = span(query + 1, end);
    return NULL;
}

static bool is_address(aci_url_part host) {
    for (size_t i = 0; i < host.length; i++)
        if (host.at[i] != '.' && (host.at[i] < '0' || host.at[i] > '9'))
            return false;
    return true;
}

bool aci_url_loopback(aci_url_part host) {
    static const char local[] = "localhost";
    size_t n = sizeof local - 1;
    if (host.length == 3 && memcmp(host.at, "::1", 3) == 0)
        return true;
    if (host.length > 4 && memcmp(host.at, "127.", 4) == 0)
        return is_address(host);
    return host.length >= n && strncasecmp(host.at + host.length - n, local, n) == 0 &&
           (host.length == n || host.at[host.length - n - 1] == '.');
}

/* ---- references ---- */

/* Removes "." and ".." in place; `path` begins with '/'. RFC 3986, 5.2.4. */
static void remove_dots(char *path) {
    char *from = path, *to = path;
    while (*from) {
        char *next = strchr(from + 1, '/');
        size_t length = next ? (size_t)(next - from) : strlen(from);
        bool one = length == 2 && from[1] == '.';
        bool two = length == 3 && from[1] == '.' && from[2] == '.';
        if (two)
            while (to > path && *--to != '/')
                ;
        if (!one && !two) {
            memmove(to, from, length);
            to += length;
        } else if (!next) {
            *to++ = '/';
        }
        from += length;
    }
    *to = '\0';
}

static char *join(aci_url_part a, const char *between, aci_url_part b) {
    size_t middle = strlen(between);
    char *text = malloc(a.length + middle + b.length + 1);
    if (!text)
        return NULL;
    memcpy(text, a.at, a.length);
    memcpy(text + a.length, between, middle);
    if (b.length)
        memcpy(text + a.length + middle, b.at, b.length);
    text[a.length + middle + b.length] = '\0';
    return text;
}

static bool is_absolute(const char *reference) {
    const char *colon = reference + strcspn(reference, ":/?#");
    return *colon == ':' && colon > reference;
}

/* The base up to the last '/' of its path, then the reference, its dots removed. */
static char *merge(const aci_url *base, const char *start, aci_url_part reference) {
    const char *end = base->path.at + base->path.length;
    size_t query =
        (size_t)(find(reference.at, reference.at + reference.length, '?') - reference.at);
    char *path, *text;
    while (end > base->path.at && end[-1] != '/')
        end--;
    path = join(span(base->path.at, end), base->path.length ? "" : "/",
                (aci_url_part){reference.at, query});
    if (!path)
        return NULL;
    remove_dots(path);
    text = join(span(start, base->path.at), path,
                (aci_url_part){reference.at + query, reference.length - query});
    free(path);
    return text;
}

char *aci_url_resolve(const char *base, const char *reference) {
    aci_url_part to = {reference, strcspn(reference, "#")};
    aci_url url;
    if (is_absolute(reference) || aci_url_parse(base, strlen(base), &url) != NULL)
        return join(to, "", (aci_url_part){NULL, 0});
    if (to.length > 1 && reference[0] == '/' && reference[1] == '/')
        return join(url.scheme, ":", to);
    if (to.length && reference[0] == '/')
        return join(span(base, url.path.at), "", to);
    if (to.length && reference[0] == '?')
        return join(span(base, url.path.at + url.path.length), "", to);
    if (!to.length)
        return join(span(base, base + strcspn(base, "#")), "", to);
    return merge(&url, base, to);
}
