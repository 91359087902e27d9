#include "headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int reserve(aci_headers *head, size_t more) {
    size_t room = head->room ? head->room : 1024;
    char *bytes;
    if (head->length + more > ACI_HEADERS_MAX)
        return -EFBIG;
    while (room < head->length + more)
        room *= 2;
    if (room == head->room)
        return 0;
    bytes = realloc(head->bytes, room);
    if (!bytes)
        return -ENOMEM;
    head->bytes = bytes;
    head->room = room;
    return 0;
}

/* NUL bytes would cut the text in two: they become spaces. */
static char *append(aci_headers *head, const char *text, size_t length) {
    char *start = memcpy(head->bytes + head->length, text, length), *at = start;
    while ((at = memchr(at, '\0', length - (size_t)(at - start))))
        *at = ' ';
    start[length] = '\0';
    head->length += length + 1;
    return start;
}

/* In place; returns a hash. */
static unsigned lower(char *text) {
    unsigned hash = 0;
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
        hash = hash * 31 + (unsigned char)*text;
    }
    return hash;
}

static void mark(aci_headers *head, unsigned hash) {
    uint64_t bit = (uint64_t)1 << (hash * 2654435769u >> 26);
    head->repeats |= (head->marks & bit) != 0;
    head->marks |= bit;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t trimmed(const char **text, size_t length) {
    while (length && is_space((*text)[length - 1]))
        length--;
    while (length && is_space(**text)) {
        (*text)++;
        length--;
    }
    return length;
}

/* A folded line belongs to the value before it. */
static int fold(aci_headers *head, const char *line, size_t length) {
    int failed;
    length = trimmed(&line, length);
    if (!head->length || !length)
        return 0;
    if ((failed = reserve(head, length + 1)) < 0)
        return failed;
    head->bytes[head->length - 1] = ' ';
    append(head, line, length);
    return 0;
}

static int add(aci_headers *head, const char *line, size_t length, const char *colon) {
    const char *value = colon + 1;
    size_t name_length = trimmed(&line, (size_t)(colon - line));
    size_t value_length = length - (size_t)(value - line);
    int failed = reserve(head, length + 2);
    if (failed < 0)
        return failed;
    value_length = trimmed(&value, value_length);
    mark(head, lower(append(head, line, name_length)));
    append(head, value, value_length);
    return 0;
}

int aci_headers_line(aci_headers *head, const char *line, size_t length) {
    const char *colon = memchr(line, ':', length);
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        head->length = 0;
        head->marks = 0;
        head->repeats = head->complete = false;
        return 0;
    }
    if (head->complete)
        return 0;
    if (length && (*line == ' ' || *line == '\t'))
        return fold(head, line, length);
    if (length && (*line == '\r' || *line == '\n')) {
        head->complete = true;
        return 0;
    }
    return colon ? add(head, line, length, colon) : 0;
}

bool aci_headers_next(const aci_headers *head, size_t *at, const char **name, const char **value) {
    if (*at >= head->length)
        return false;
    *name = head->bytes + *at;
    *value = *name + strlen(*name) + 1;
    *at = (size_t)(*value - head->bytes) + strlen(*value) + 1;
    return true;
}

void aci_headers_drop(aci_headers *head) {
    free(head->bytes);
    *head = (aci_headers){0};
}
