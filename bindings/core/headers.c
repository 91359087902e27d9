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
static void append(aci_headers *head, const char *text, size_t length, bool lower) {
    for (size_t i = 0; i < length; i++) {
        char c = text[i] ? text[i] : ' ';
        if (lower && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        head->bytes[head->length++] = c;
    }
    head->bytes[head->length++] = '\0';
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
    append(head, line, length, false);
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
    append(head, line, name_length, true);
    append(head, value, value_length, false);
    return 0;
}

int aci_headers_line(aci_headers *head, const char *line, size_t length) {
    const char *colon = memchr(line, ':', length);
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        head->length = 0;
        head->complete = false;
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
