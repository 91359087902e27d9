/* Azure Storage's Shared Key: see sharedkey.h. */
#include "sharedkey.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "encode.h"

/* Signed by value only, in this order. */
static const char *const slots[] = {
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
};

static bool is_named(const aci_shared_header *header, const char *name) {
    return header->name.length == strlen(name) &&
           strncasecmp(header->name.at, name, header->name.length) == 0;
}

static const aci_shared_header *find(const aci_shared_request *request, const char *name) {
    for (size_t i = 0; i < request->count; i++) {
        if (is_named(&request->headers[i], name)) {
            return &request->headers[i];
        }
    }
    return NULL;
}

static void emit_text(aci_emit *out, aci_text text) {
    aci_emit_bytes(out, text.at, text.length);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void emit_lower(aci_emit *out, aci_text text) {
    for (size_t i = 0; i < text.length; i++) {
        aci_emit_byte(out, lower(text.at[i]));
    }
}

static void emit_slot(const aci_shared_request *request, const char *name, aci_emit *out) {
    const aci_shared_header *header = find(request, name);
    bool zero = header && header->value.length == 1 && *header->value.at == '0';
    bool empty = (zero && strcmp(name, "content-length") == 0) ||
                 (strcmp(name, "date") == 0 && find(request, "x-ms-date"));
    if (header && !empty) {
        emit_text(out, header->value);
    }
    aci_emit_byte(out, '\n');
}

/* --- x-ms-* headers ----------------------------------------------------------------------- */

static bool is_canonical(const aci_shared_header *header) {
    return header->name.length >= 5 && strncasecmp(header->name.at, "x-ms-", 5) == 0;
}

/* The service compares words rather than bytes: "_", which metadata names may have, comes before
 * digits. For every other name that exists byte order is the same. */
static int weight(char c) {
    return c == '_' ? '/' : lower(c);
}

static int compare_names(const void *a, const void *b) {
    const aci_text *x = &((const aci_shared_header *)a)->name;
    const aci_text *y = &((const aci_shared_header *)b)->name;
    for (size_t i = 0; i < x->length && i < y->length; i++) {
        int order = weight(x->at[i]) - weight(y->at[i]);
        if (order) {
            return order;
        }
    }
    return (x->length > y->length) - (x->length < y->length);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static aci_text trim(aci_text text) {
    while (text.length && is_blank(*text.at)) {
        text.at++;
        text.length--;
    }
    while (text.length && is_blank(text.at[text.length - 1])) {
        text.length--;
    }
    return text;
}

static void emit_headers(const aci_shared_request *request, aci_emit *out) {
    qsort(request->headers, request->count, sizeof *request->headers, compare_names);
    for (size_t i = 0; i < request->count; i++) {
        const aci_shared_header *header = &request->headers[i];
        if (is_canonical(header)) {
            emit_lower(out, header->name);
            aci_emit_byte(out, ':');
            emit_text(out, trim(header->value));
            aci_emit_byte(out, '\n');
        }
    }
}

/* --- the resource ------------------------------------------------------------------------- */

typedef struct parameter {
    aci_text name, value; /* decoded; the name in lower case */
} parameter;

static int compare_texts(aci_text a, aci_text b) {
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.at, b.at, shorter);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_parameters(const void *a, const void *b) {
    const parameter *x = a, *y = b;
    int order = compare_texts(x->name, y->name);
    return order ? order : compare_texts(x->value, y->value);
}

static aci_text decode(char *at, size_t length) {
    return (aci_text){at, aci_percent_read(at, length, at)};
}

static parameter split_parameter(char *at, size_t length) {
    char *equals = memchr(at, '=', length);
    size_t name = equals ? (size_t)(equals - at) : length;
    size_t rest = equals ? length - name - 1 : 0;
    parameter result = {decode(at, name), decode(at + length - rest, rest)};
    for (size_t i = 0; i < result.name.length; i++) {
        at[i] = lower(at[i]);
    }
    return result;
}

/* Take the query apart in place; returns how many parameters it has. */
static size_t split_query(char *query, size_t length, parameter *parameters) {
    size_t count = 0;
    char *end = query + length;
    while (query < end) {
        char *stop = memchr(query, '&', (size_t)(end - query));
        stop = stop ? stop : end;
        if (stop > query) {
            parameters[count++] = split_parameter(query, (size_t)(stop - query));
        }
        query = stop + (stop < end);
    }
    return count;
}

static void emit_parameters(parameter *parameters, size_t count, aci_emit *out) {
    qsort(parameters, count, sizeof *parameters, compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (i && compare_texts(parameters[i - 1].name, parameters[i].name) == 0) {
            aci_emit_byte(out, ',');
        } else {
            aci_emit_byte(out, '\n');
            emit_text(out, parameters[i].name);
            aci_emit_byte(out, ':');
        }
        emit_text(out, parameters[i].value);
    }
}

static void emit_query(aci_text query, aci_emit *out) {
    char *copy = malloc(query.length);
    parameter *parameters = malloc((query.length / 2 + 1) * sizeof *parameters);
    if (copy && parameters) {
        memcpy(copy, query.at, query.length);
        emit_parameters(parameters, split_query(copy, query.length, parameters), out);
    } else {
        out->fault = "not enough memory";
    }
    free(copy);
    free(parameters);
}

aci_text aci_without_secondary(aci_text account) {
    const char suffix[] = "-secondary";
    size_t length = sizeof suffix - 1;
    if (account.length > length &&
        memcmp(account.at + account.length - length, suffix, length) == 0) {
        account.length -= length;
    }
    return account;
}

static void emit_resource(const aci_shared_request *request, aci_emit *out) {
    const char *target = request->target.at, *end = target + request->target.length;
    const char *mark = request->target.length ? memchr(target, '?', request->target.length) : NULL;
    size_t path = (size_t)((mark ? mark : end) - target);
    aci_emit_byte(out, '/');
    emit_text(out, aci_without_secondary(request->account));
    aci_emit_bytes(out, path ? target : "/", path ? path : 1);
    if (mark && mark + 1 < end) {
        emit_query((aci_text){mark + 1, (size_t)(end - mark - 1)}, out);
    }
}

void aci_shared_key_text(const aci_shared_request *request, aci_emit *out) {
    emit_text(out, request->method);
    aci_emit_byte(out, '\n');
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        emit_slot(request, slots[i], out);
    }
    emit_headers(request, out);
    emit_resource(request, out);
}
