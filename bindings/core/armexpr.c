#include "armexpr.h"

#include <stdlib.h>
#include <string.h>

typedef struct parser {
    aci_armexpr *tree;
    const char *text;
    uint32_t length;
    uint32_t at; /* where the next token is looked for */
    /* the token read ahead: */
    aci_armexpr_token token;
    uint32_t start, size; /* strings: between the quotes */
    uint32_t from;        /* its first byte */
    int32_t value;
    unsigned depth;
} parser;

static bool fail(parser *p, aci_armexpr_fault fault, uint32_t at, uint32_t size) {
    p->tree->fault = fault;
    p->tree->at = at;
    p->tree->size = size;
    return false;
}

static bool unexpected(parser *p, aci_armexpr_token expected) {
    p->tree->expected = expected;
    p->tree->actual = p->token;
    return fail(p, ACI_ARMEXPR_UNEXPECTED, p->from, p->size);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool starts_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

/* Bytes of the UTF-8 character at `at`, so that a message never shows half of one. */
static uint32_t character_size(const parser *p, uint32_t at) {
    uint32_t size = 1;

    while (at + size < p->length && ((unsigned char)p->text[at + size] & 0xc0) == 0x80) {
        size++;
    }
    return size;
}

static bool read_name(parser *p) {
    uint32_t at = p->from;

    while (at < p->length && (starts_name(p->text[at]) || is_digit(p->text[at]))) {
        at++;
    }
    p->token = ACI_ARMEXPR_IDENTIFIER;
    p->start = p->from;
    p->size = at - p->from;
    p->at = at;
    return true;
}

static bool read_string(parser *p) {
    uint32_t at = p->from + 1;

    for (;; at++) {
        if (at >= p->length) {
            return fail(p, ACI_ARMEXPR_UNTERMINATED, p->from, p->length - p->from);
        }
        if (p->text[at] != '\'') {
            continue;
        }
        if (at + 1 >= p->length || p->text[at + 1] != '\'') {
            break;
        }
        at++;
    }
    p->token = ACI_ARMEXPR_TEXT;
    p->start = p->from + 1;
    p->size = at - p->start;
    p->at = at + 1;
    return true;
}

static bool read_number(parser *p) {
    bool negative = p->text[p->from] == '-';
    uint32_t at = p->from + negative;
    int64_t value = 0;

    for (; at < p->length && is_digit(p->text[at]); at++) {
        if (value <= INT32_MAX) {
            value = value * 10 + (p->text[at] - '0');
        }
    }
    value = negative ? -value : value;
    p->at = at;
    p->start = p->from;
    p->size = at - p->from;
    if (value > INT32_MAX || value < INT32_MIN) {
        return fail(p, ACI_ARMEXPR_RANGE, p->from, p->size);
    }
    p->token = ACI_ARMEXPR_NUMBER;
    p->value = (int32_t)value;
    return true;
}

static bool read_sign(parser *p) {
    static const char signs[] = "()[],.";
    static const aci_armexpr_token tokens[] = {
        ACI_ARMEXPR_OPEN,         ACI_ARMEXPR_CLOSE, ACI_ARMEXPR_OPEN_SQUARE,
        ACI_ARMEXPR_CLOSE_SQUARE, ACI_ARMEXPR_COMMA, ACI_ARMEXPR_DOT,
    };
    const char *found = p->text[p->from] ? strchr(signs, p->text[p->from]) : NULL;

    if (!found) {
        return fail(p, ACI_ARMEXPR_CHARACTER, p->from, character_size(p, p->from));
    }
    p->token = tokens[found - signs];
    p->start = p->from;
    p->size = 1;
    p->at = p->from + 1;
    return true;
}

/* Read the next token ahead. */
static bool advance(parser *p) {
    char c;

    while (p->at < p->length && is_blank(p->text[p->at])) {
        p->at++;
    }
    p->from = p->start = p->at;
    p->size = 0;
    if (p->at >= p->length) {
        p->token = ACI_ARMEXPR_END;
        return true;
    }
    c = p->text[p->from];
    if (starts_name(c)) {
        return read_name(p);
    }
    if (c == '\'') {
        return read_string(p);
    }
    if (is_digit(c) || (c == '-' && p->at + 1 < p->length && is_digit(p->text[p->at + 1]))) {
        return read_number(p);
    }
    return read_sign(p);
}

static bool skip(parser *p, aci_armexpr_token token) {
    return p->token == token ? advance(p) : unexpected(p, token);
}

static bool grow(aci_armexpr *tree) {
    uint32_t room = tree->room ? tree->room * 2 : 16;
    aci_armexpr_node *nodes = realloc(tree->nodes, room * sizeof *nodes);

    if (!nodes) {
        return false;
    }
    tree->nodes = nodes;
    tree->room = room;
    return true;
}

/* A new node with the token read ahead in it; its number goes to *out. */
static bool add(parser *p, aci_armexpr_kind kind, uint32_t *out) {
    aci_armexpr *tree = p->tree;
    aci_armexpr_node *node;

    if (tree->count == tree->room && !grow(tree)) {
        return fail(p, ACI_ARMEXPR_MEMORY, p->from, 0);
    }
    *out = tree->count++;
    node = &tree->nodes[*out];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->value = p->value;
    node->at = p->from;
    node->start = p->start;
    node->length = p->size;
    node->child = node->next = ACI_ARMEXPR_NONE;
    node->height = 1;
    return true;
}

/* Make child a descendant of parent where heights are concerned. */
static bool lift(parser *p, uint32_t parent, uint32_t child) {
    aci_armexpr_node *nodes = p->tree->nodes;

    if (nodes[child].height >= nodes[parent].height) {
        nodes[parent].height = nodes[child].height + 1;
    }
    if (nodes[parent].height > ACI_ARMEXPR_HEIGHT) {
        return fail(p, ACI_ARMEXPR_TOO_HIGH, nodes[parent].at, 0);
    }
    return true;
}

static bool parse_expression(parser *p, uint32_t *out);

static bool parse_arguments(parser *p, uint32_t call) {
    uint32_t last = ACI_ARMEXPR_NONE, argument;

    if (!skip(p, ACI_ARMEXPR_OPEN)) {
        return false;
    }
    if (p->token == ACI_ARMEXPR_CLOSE) {
        return advance(p);
    }
    for (;;) {
        if (!parse_expression(p, &argument) || !lift(p, call, argument)) {
            return false;
        }
        if (last == ACI_ARMEXPR_NONE) {
            p->tree->nodes[call].child = argument;
        } else {
            p->tree->nodes[last].next = argument;
        }
        last = argument;
        if (p->token != ACI_ARMEXPR_COMMA) {
            return skip(p, ACI_ARMEXPR_CLOSE);
        }
        if (!advance(p)) {
            return false;
        }
    }
}

/* name( or namespace.name( */
static bool parse_call(parser *p, uint32_t *out) {
    aci_armexpr_node *node;

    if (!add(p, ACI_ARMEXPR_CALL, out) || !advance(p)) {
        return false;
    }
    if (p->token == ACI_ARMEXPR_DOT) {
        if (!advance(p)) {
            return false;
        }
        if (p->token != ACI_ARMEXPR_IDENTIFIER) {
            return unexpected(p, ACI_ARMEXPR_IDENTIFIER);
        }
        node = &p->tree->nodes[*out];
        node->space = node->start;
        node->space_length = node->length;
        node->start = p->start;
        node->length = p->size;
        if (!advance(p)) {
            return false;
        }
    }
    return parse_arguments(p, *out);
}

static bool parse_primary(parser *p, uint32_t *out) {
    switch (p->token) {
    case ACI_ARMEXPR_TEXT:
        return add(p, ACI_ARMEXPR_STRING, out) && advance(p);
    case ACI_ARMEXPR_NUMBER:
        return add(p, ACI_ARMEXPR_INTEGER, out) && advance(p);
    case ACI_ARMEXPR_IDENTIFIER:
        return parse_call(p, out);
    default:
        return unexpected(p, ACI_ARMEXPR_IDENTIFIER);
    }
}

static bool parse_property(parser *p, uint32_t base, uint32_t *out) {
    if (!advance(p)) {
        return false;
    }
    if (p->token != ACI_ARMEXPR_IDENTIFIER) {
        return unexpected(p, ACI_ARMEXPR_IDENTIFIER);
    }
    if (!add(p, ACI_ARMEXPR_PROPERTY, out)) {
        return false;
    }
    p->tree->nodes[*out].child = base;
    return lift(p, *out, base) && advance(p);
}

static bool parse_index(parser *p, uint32_t base, uint32_t *out) {
    uint32_t index;

    if (!add(p, ACI_ARMEXPR_INDEX, out) || !advance(p) || !parse_expression(p, &index)) {
        return false;
    }
    p->tree->nodes[*out].child = base;
    p->tree->nodes[base].next = index;
    return lift(p, *out, base) && lift(p, *out, index) && skip(p, ACI_ARMEXPR_CLOSE_SQUARE);
}

static bool parse_accesses(parser *p, uint32_t *out) {
    while (p->token == ACI_ARMEXPR_DOT || p->token == ACI_ARMEXPR_OPEN_SQUARE) {
        bool fine =
            p->token == ACI_ARMEXPR_DOT ? parse_property(p, *out, out) : parse_index(p, *out, out);

        if (!fine) {
            return false;
        }
    }
    return true;
}

static bool parse_expression(parser *p, uint32_t *out) {
    bool fine;

    if (++p->depth > ACI_ARMEXPR_HEIGHT) {
        return fail(p, ACI_ARMEXPR_TOO_HIGH, p->from, 0);
    }
    fine = parse_primary(p, out) && parse_accesses(p, out);
    p->depth--;
    return fine;
}

bool aci_armexpr_parse(aci_armexpr *tree, const char *text, size_t length) {
    parser p = {.tree = tree, .text = text};

    memset(tree, 0, sizeof *tree);
    if (length > ACI_ARMEXPR_LENGTH) {
        return fail(&p, ACI_ARMEXPR_TOO_LONG, 0, 0);
    }
    p.length = (uint32_t)length;
    if (!advance(&p) || !parse_expression(&p, &tree->root)) {
        return false;
    }
    return p.token == ACI_ARMEXPR_END || unexpected(&p, ACI_ARMEXPR_END);
}

void aci_armexpr_free(aci_armexpr *tree) {
    free(tree->nodes);
    tree->nodes = NULL;
    tree->count = tree->room = 0;
}

const char *aci_armexpr_token_name(aci_armexpr_token token) {
    static const char *const names[] = {
        [ACI_ARMEXPR_END] = "EndOfData",
        [ACI_ARMEXPR_IDENTIFIER] = "Identifier",
        [ACI_ARMEXPR_TEXT] = "StringLiteral",
        [ACI_ARMEXPR_NUMBER] = "IntegerLiteral",
        [ACI_ARMEXPR_OPEN] = "LeftParenthesis",
        [ACI_ARMEXPR_CLOSE] = "RightParenthesis",
        [ACI_ARMEXPR_OPEN_SQUARE] = "LeftSquareBracket",
        [ACI_ARMEXPR_CLOSE_SQUARE] = "RightSquareBracket",
        [ACI_ARMEXPR_COMMA] = "Comma",
        [ACI_ARMEXPR_DOT] = "Dot",
    };

    return names[token];
}

size_t aci_armexpr_unquote(const char *start, size_t length, char *out) {
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        out[written++] = start[i];
        i += start[i] == '\'';
    }
    return written;
}
