/* aci._template: the two parts of aci.template that are C. parse() turns one expression into a
 * tree of Lua tables; read() reads a template's text and keeps what a plain JSON decoder drops,
 * the order of members and the place of every value, since the service's messages name them. */
#include "bindings.h"
#include "glue.h"
#include "json.h"

#include <stdlib.h>

#include "core/armexpr.h"
#include "core/jstring.h"
#include "core/scan.h"

/* ---- parse ---- */

/* Offsets in messages count UTF-16 units, as .NET does. */
static lua_Integer utf16_offset(const char *text, uint32_t at) {
    lua_Integer units = 0;
    for (uint32_t i = 0; i < at; i++) {
        unsigned char c = (unsigned char)text[i];
        units += (c & 0xc0) != 0x80;
        units += c >= 0xf0;
    }
    return units;
}

/* Pushes the sentence for the fault, in the service's words; `text` is at index 1. */
static void push_fault(lua_State *L, const aci_armexpr *tree, const char *text) {
    int where = (int)utf16_offset(text, tree->at);
    switch (tree->fault) {
    case ACI_ARMEXPR_UNEXPECTED:
        lua_pushfstring(L,
                        "Unable to parse language expression '%s': expected token '%s' and "
                        "actual '%s'.",
                        text, aci_armexpr_token_name(tree->expected),
                        aci_armexpr_token_name(tree->actual));
        return;
    case ACI_ARMEXPR_CHARACTER:
        lua_pushlstring(L, text + tree->at, tree->size);
        lua_pushfstring(L,
                        "The language expression '%s' is not valid: the string character '%s' "
                        "at position '%d' is not expected.",
                        text, lua_tostring(L, -1), where);
        lua_remove(L, -2);
        return;
    case ACI_ARMEXPR_UNTERMINATED:
        lua_pushfstring(L,
                        "The language expression '%s' is not valid: the string constant at "
                        "position '%d' is not terminated. String constants must be enclosed "
                        "within a pair of single quotes.",
                        text, where);
        return;
    case ACI_ARMEXPR_RANGE:
        lua_pushlstring(L, text + tree->at, tree->size);
        lua_pushfstring(L,
                        "The language expression '%s' is not valid: the value '%s' at position "
                        "'%d' cannot be converted to number.",
                        text, lua_tostring(L, -1), where);
        lua_remove(L, -2);
        return;
    case ACI_ARMEXPR_TOO_LONG:
        lua_pushfstring(L, "The language expression length limit exceeded. Limit: '%d'.",
                        ACI_ARMEXPR_LENGTH);
        return;
    default:
        lua_pushfstring(L, "The language expression at position '%d' is nested too deeply.", where);
    }
}

static const char *const kind_names[] = {"string", "integer", "call", "property", "index"};

/* The text of a node: a literal's value or a name. */
static void push_text(lua_State *L, const aci_armexpr_node *node, const char *text) {
    luaL_Buffer buffer;
    char *room;
    if (node->kind != ACI_ARMEXPR_STRING) {
        lua_pushlstring(L, text + node->start, node->length);
        return;
    }
    room = luaL_buffinitsize(L, &buffer, node->length);
    luaL_pushresultsize(&buffer, aci_armexpr_unquote(text + node->start, node->length, room));
}

/* Pushes the table of node `number`: {kind, at, name or value, space, [1..n] = children}. */
static void push_node(lua_State *L, const aci_armexpr *tree, uint32_t number, const char *text) {
    const aci_armexpr_node *node = &tree->nodes[number];
    int count = 0;
    luaL_checkstack(L, 8, "expression");
    lua_createtable(L, 2, 4);
    lua_pushstring(L, kind_names[node->kind]);
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, node->at);
    lua_setfield(L, -2, "at");
    if (node->kind == ACI_ARMEXPR_INTEGER)
        lua_pushinteger(L, node->value);
    else if (node->kind == ACI_ARMEXPR_INDEX)
        lua_pushnil(L);
    else
        push_text(L, node, text);
    lua_setfield(L, -2, node->kind <= ACI_ARMEXPR_INTEGER ? "value" : "name");
    if (node->space_length > 0) {
        lua_pushlstring(L, text + node->space, node->space_length);
        lua_setfield(L, -2, "space");
    }
    if (node->kind == ACI_ARMEXPR_PROPERTY) { /* its child may have a `next` of another parent */
        push_node(L, tree, node->child, text);
        lua_rawseti(L, -2, 1);
        return;
    }
    for (uint32_t i = node->child; i != ACI_ARMEXPR_NONE; i = tree->nodes[i].next) {
        push_node(L, tree, i, text);
        lua_rawseti(L, -2, ++count);
    }
}

/* parse(expression without its brackets) -> tree | nil, the service's sentence */
static int template_parse(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    aci_armexpr tree = {0};
    void **guard;
    bool fine;

    lua_settop(L, 1);
    guard = aci_guard(L, free); /* the nodes, not the tree: an error leaves this frame first */

    fine = aci_armexpr_parse(&tree, text, length);
    *guard = tree.nodes;

    if (!fine) {
        if (tree.fault == ACI_ARMEXPR_MEMORY)
            return luaL_error(L, "out of memory");
        lua_pushnil(L);
        push_fault(L, &tree, text);
        return 2;
    }

    push_node(L, &tree, tree.root, text);
    return 1;
}

/* ---- read ---- */

enum { ARG_TEXT = 1, ARG_LENIENT, ARG_LAYOUTS };

typedef struct reader {
    lua_State *L;
    aci_scan scan;
    const char *counted; /* line and column are those of this byte */
    lua_Integer line, column;
} reader;

/* Pushes line << 32 | column of the last token's end, as Newtonsoft counts: lines from 1,
 * columns the characters read on the line. */
static void push_place(reader *r) {
    for (; r->counted < r->scan.at; r->counted++) {
        if (*r->counted == '\n') {
            r->line++;
            r->column = 0;
        } else if (((unsigned char)*r->counted & 0xc0) != 0x80) {
            r->column++;
        }
    }
    lua_pushinteger(r->L, r->line << 32 | r->column);
}

static void push_string(reader *r) {
    luaL_Buffer buffer;
    char *room;
    if (!r->scan.escaped) {
        lua_pushlstring(r->L, r->scan.start, r->scan.length);
        return;
    }
    room = luaL_buffinitsize(r->L, &buffer, r->scan.length);
    luaL_pushresultsize(&buffer, aci_string_unescape(r->scan.start, r->scan.length, room));
}

/* Pushes a new layout {self =, at = {}} and then its `at`; the layout belongs to the container
 * just below them. */
static void push_layout(reader *r) {
    lua_State *L = r->L;
    lua_createtable(L, 0, 3);
    push_place(r);
    lua_setfield(L, -2, "self");
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, ARG_LAYOUTS);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "at");
}

static bool push_value(reader *r, aci_token token);

/* After "[": pushes the array. Stack while filling: array, layout, at. */
static bool push_array(reader *r) {
    lua_State *L = r->L;
    lua_Integer count = 0;
    lua_newtable(L);
    luaL_setmetatable(L, ACI_JSON_ARRAY);
    push_layout(r);
    for (;;) {
        aci_token token = aci_scan_next(&r->scan);
        if (token == ACI_SCAN_ARRAY_END)
            break;
        push_place(r);
        if (!push_value(r, token))
            return false;
        lua_rawseti(L, -5, ++count);
        lua_rawseti(L, -2, count);
    }
    lua_pop(L, 2);
    return true;
}

/* Remembers where the name on top of the stack ends, its colon included: layout.named[name]. */
static void note_name(reader *r) {
    lua_State *L = r->L;
    luaL_getsubtable(L, -4, "named");
    lua_pushvalue(L, -2);
    push_place(r);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* One member; the stack holds object, layout, at, names, name. Leaves the first four. */
static bool push_member(reader *r, lua_Integer count) {
    lua_State *L = r->L;
    aci_token token;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -4) != LUA_TNIL) {
        aci_scan_refuse(&r->scan, "a property with the same name already exists in the object");
        return false;
    }
    lua_pop(L, 1);
    note_name(r);
    token = aci_scan_next(&r->scan);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, count);
    lua_pushvalue(L, -1);
    push_place(r);
    lua_rawset(L, -5);
    if (!push_value(r, token))
        return false;
    lua_rawset(L, -6);
    return true;
}

/* After "{": pushes the object. */
static bool push_object(reader *r) {
    lua_State *L = r->L;
    lua_Integer count = 0;
    lua_newtable(L);
    push_layout(r);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "names");
    for (;;) {
        aci_token token = aci_scan_next(&r->scan);
        if (token == ACI_SCAN_OBJECT_END)
            break;
        if (token != ACI_SCAN_NAME)
            return false;
        push_string(r);
        if (!push_member(r, ++count))
            return false;
    }
    lua_pop(L, 3);
    return true;
}

/* Pushes the value that begins with the token just read; false: the scanner has the error. */
static bool push_value(reader *r, aci_token token) {
    lua_State *L = r->L;
    luaL_checkstack(L, 16, "template");
    switch (token) {
    case ACI_SCAN_NULL:
        lua_pushlightuserdata(L, NULL); /* json.null */
        return true;
    case ACI_SCAN_FALSE:
    case ACI_SCAN_TRUE:
        lua_pushboolean(L, token == ACI_SCAN_TRUE);
        return true;
    case ACI_SCAN_INTEGER:
        lua_pushinteger(L, r->scan.integer);
        return true;
    case ACI_SCAN_FLOAT:
        lua_pushnumber(L, r->scan.number);
        return true;
    case ACI_SCAN_STRING:
        push_string(r);
        return true;
    case ACI_SCAN_ARRAY:
        return push_array(r);
    case ACI_SCAN_OBJECT:
        return push_object(r);
    default:
        return false;
    }
}

static int read_failed(reader *r) {
    size_t line, column;
    aci_scan_where(&r->scan, &line, &column);
    lua_settop(r->L, 1);
    lua_pushnil(r->L);
    lua_pushstring(r->L, r->scan.error ? r->scan.error : "the document is empty");
    lua_pushinteger(r->L, (lua_Integer)line);
    lua_pushinteger(r->L, (lua_Integer)column);
    return 4;
}

/* read(text, lenient, layouts) -> value | nil, message, line, column
 * lenient: comments, raw line breaks in strings and unquoted names are let through.
 * layouts[container] = {self =, at = {}, names = {}} for every container read. */
static int template_read(lua_State *L) {
    reader r = {.L = L, .line = 1};
    size_t length;
    const char *text = luaL_checklstring(L, ARG_TEXT, &length);
    unsigned options = lua_toboolean(L, ARG_LENIENT)
                           ? ACI_SCAN_COMMENTS | ACI_SCAN_LINE_BREAKS | ACI_SCAN_NAMES
                           : 0;
    luaL_checktype(L, ARG_LAYOUTS, LUA_TTABLE);
    lua_settop(L, ARG_LAYOUTS);
    aci_scan_init(&r.scan, text, length, options);
    r.counted = text;
    if (!push_value(&r, aci_scan_next(&r.scan)))
        return read_failed(&r);
    if (aci_scan_next(&r.scan) != ACI_SCAN_END)
        return read_failed(&r);
    return 1;
}

int luaopen_aci_template(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"parse", template_parse}, {"read", template_read}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
