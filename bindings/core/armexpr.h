/* The expression language of ARM templates, as a small tree.
 *
 * An expression is what stands between the brackets of "[concat('a', parameters('b').c[0])]":
 * literals, calls, properties and indexes, nothing else. The parser allocates one array of nodes,
 * is bounded in length and in height, and answers a fault with what it expected and where.
 *
 *     aci_armexpr tree = {0};
 *     if (aci_armexpr_parse(&tree, text, length)) { walk from tree.root } else { tree.fault says
 * why } aci_armexpr_free(&tree);
 *
 * The tree points into the text, which must outlive it. */
#ifndef ACI_CORE_ARMEXPR_H
#define ACI_CORE_ARMEXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The service's own limit on one expression, in characters; we count bytes. */
#define ACI_ARMEXPR_LENGTH 24576
/* How high a tree may be: calls in calls and properties of properties together. Ours. */
#define ACI_ARMEXPR_HEIGHT 180
/* No node has this number; it ends lists. */
#define ACI_ARMEXPR_NONE UINT32_MAX

typedef enum aci_armexpr_kind {
    ACI_ARMEXPR_STRING,   /* start, length: between the quotes, '' still doubled */
    ACI_ARMEXPR_INTEGER,  /* value */
    ACI_ARMEXPR_CALL,     /* start, length: the name; space, space_length: the namespace or nothing;
                             child: first argument, which has the next one */
    ACI_ARMEXPR_PROPERTY, /* start, length: the name; child: what it is a property of */
    ACI_ARMEXPR_INDEX,    /* child: what is indexed; its next: the index */
} aci_armexpr_kind;

typedef struct aci_armexpr_node {
    aci_armexpr_kind kind;
    int32_t value;
    uint32_t at; /* offset of its first byte */
    uint32_t start, length;
    uint32_t space, space_length;
    uint32_t child, next;
    uint32_t height;
} aci_armexpr_node;

/* What the parser can read next; the names that messages use are aci_armexpr_token_name's. */
typedef enum aci_armexpr_token {
    ACI_ARMEXPR_END,
    ACI_ARMEXPR_IDENTIFIER,
    ACI_ARMEXPR_TEXT,
    ACI_ARMEXPR_NUMBER,
    ACI_ARMEXPR_OPEN,
    ACI_ARMEXPR_CLOSE,
    ACI_ARMEXPR_OPEN_SQUARE,
    ACI_ARMEXPR_CLOSE_SQUARE,
    ACI_ARMEXPR_COMMA,
    ACI_ARMEXPR_DOT,
} aci_armexpr_token;

typedef enum aci_armexpr_fault {
    ACI_ARMEXPR_FINE,
    ACI_ARMEXPR_UNEXPECTED,   /* expected one token, found another */
    ACI_ARMEXPR_CHARACTER,    /* at, size: the character that no token begins with */
    ACI_ARMEXPR_UNTERMINATED, /* at: the quote that opens the string */
    ACI_ARMEXPR_RANGE,        /* at, size: the number that doesn't fit 32 bits */
    ACI_ARMEXPR_TOO_LONG,
    ACI_ARMEXPR_TOO_HIGH,
    ACI_ARMEXPR_MEMORY,
} aci_armexpr_fault;

typedef struct aci_armexpr {
    aci_armexpr_node *nodes;
    uint32_t count, room;
    uint32_t root;
    aci_armexpr_fault fault;
    aci_armexpr_token expected, actual;
    uint32_t at, size; /* of the fault, in bytes */
} aci_armexpr;

/* Parse the whole of text (without the outer brackets). False: fault and its fields are set. */
bool aci_armexpr_parse(aci_armexpr *tree, const char *text, size_t length);

/* Give the nodes back; the tree is then empty. */
void aci_armexpr_free(aci_armexpr *tree);

/* The service's name for a token: "Identifier", "EndOfData", ... */
const char *aci_armexpr_token_name(aci_armexpr_token token);

/* Write a string literal with '' made one quote to out (room for length bytes); bytes written. */
size_t aci_armexpr_unquote(const char *start, size_t length, char *out);

#endif
