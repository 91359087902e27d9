/* Fuzzes the parser of template expressions.
 * sources: bindings/core/armexpr.c
 *
 * Beyond "no crash": faults lie inside the text, every node is reached exactly once, no tree is
 * higher than the limit, and an accepted tree, written plainly and parsed again, is written the
 * same. */
#include "../../bindings/core/armexpr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct writer {
    const aci_armexpr *tree;
    const char *text;
    char *out;
    size_t length, room;
    uint32_t seen;
} writer;

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void put(writer *w, const char *bytes, size_t length) {
    require(w->length + length <= w->room);
    memcpy(w->out + w->length, bytes, length);
    w->length += length;
}

static uint32_t write_node(writer *w, uint32_t number);

static uint32_t write_call(writer *w, const aci_armexpr_node *node) {
    uint32_t height = 0;
    if (node->space_length > 0) {
        put(w, w->text + node->space, node->space_length);
        put(w, ".", 1);
    }
    put(w, w->text + node->start, node->length);
    put(w, "(", 1);
    for (uint32_t i = node->child; i != ACI_ARMEXPR_NONE; i = w->tree->nodes[i].next) {
        uint32_t inner = write_node(w, i);
        height = inner > height ? inner : height;
        if (w->tree->nodes[i].next != ACI_ARMEXPR_NONE) {
            put(w, ",", 1);
        }
    }
    put(w, ")", 1);
    return height;
}

static uint32_t write_access(writer *w, const aci_armexpr_node *node) {
    uint32_t height = write_node(w, node->child);
    if (node->kind == ACI_ARMEXPR_PROPERTY) {
        put(w, ".", 1);
        put(w, w->text + node->start, node->length);
    } else {
        uint32_t inner;
        put(w, "[", 1);
        inner = write_node(w, w->tree->nodes[node->child].next);
        height = inner > height ? inner : height;
        put(w, "]", 1);
    }
    return height;
}

/* Returns the node's height. */
static uint32_t write_node(writer *w, uint32_t number) {
    const aci_armexpr_node *node;
    char digits[16];
    uint32_t height = 0;
    require(number < w->tree->count);
    node = &w->tree->nodes[number];
    w->seen++;
    switch (node->kind) {
    case ACI_ARMEXPR_STRING:
        put(w, "'", 1);
        put(w, w->text + node->start, node->length);
        put(w, "'", 1);
        break;
    case ACI_ARMEXPR_INTEGER:
        put(w, digits, (size_t)snprintf(digits, sizeof digits, "%d", (int)node->value));
        break;
    case ACI_ARMEXPR_CALL:
        height = write_call(w, node);
        break;
    default:
        height = write_access(w, node);
    }
    require(node->height == height + 1 && node->height <= ACI_ARMEXPR_HEIGHT);
    return node->height;
}

/* Parse text and write its tree to out; the bytes written, or 0 for a fault. */
static size_t rewrite(const char *text, size_t length, char *out, size_t room) {
    aci_armexpr tree = {0};
    writer w = {.tree = &tree, .text = text, .out = out, .room = room};
    if (aci_armexpr_parse(&tree, text, length)) {
        write_node(&w, tree.root);
        require(w.seen == tree.count);
    } else {
        require(tree.fault != ACI_ARMEXPR_FINE);
        require((size_t)tree.at + tree.size <= length);
        require(aci_armexpr_token_name(tree.expected) && aci_armexpr_token_name(tree.actual));
    }
    aci_armexpr_free(&tree);
    return w.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *first = malloc(size + 1), *second = malloc(size + 1);
    size_t length;
    memcpy(text, data, size); /* a copy, so that reading past its end is seen */
    length = rewrite(text, size, first, size + 1);
    if (length > 0) {
        require(rewrite(first, length, second, size + 1) == length);
        require(memcmp(first, second, length) == 0);
    }
    free(text);
    free(first);
    free(second);
    return 0;
}
