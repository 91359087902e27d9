/* aci.xml: documents as plain tables.
 *
 *     local root = xml.parse '<Blobs><Blob kind="x"><Name>a.txt</Name></Blob></Blobs>'
 *     root.children[1].attributes.kind, root.children[1].children[1].text
 *
 * The core reads the whole document into a buffer of events first: expat must not be left by a
 * Lua error. A guard owns that buffer while the tables are made. */
#include "bindings.h"
#include "glue.h"

#include <stdlib.h>
#include <string.h>

#include "core/jstring.h"
#include "core/xmlevents.h"

typedef struct document {
    aci_emit events;
    size_t position;
    aci_xml_event event; /* of the last step */
} document;

static void document_free(void *thing) {
    document *self = thing;
    aci_emit_free(&self->events);
    free(self);
}

static aci_xml_kind step(document *self) {
    return aci_xml_next(&self->events, &self->position, &self->event);
}

static void set_field(lua_State *L, const char *field, const char *text, size_t length) {
    lua_pushlstring(L, text, length);
    lua_setfield(L, -2, field);
}

static bool is_blank(const char *text, size_t length) {
    while (length && strchr(" \t\r\n", *text)) {
        text++;
        length--;
    }
    return length == 0;
}

/* The attributes of the element on top; returns the kind of what follows them. */
static aci_xml_kind push_attributes(lua_State *L, document *self) {
    aci_xml_kind kind = step(self);
    lua_newtable(L);
    for (; kind == ACI_XML_ATTRIBUTE; kind = step(self)) {
        lua_pushlstring(L, self->event.first, self->event.first_length);
        lua_pushlstring(L, self->event.second, self->event.second_length);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "attributes");
    return kind;
}

static void push_element(lua_State *L, document *self);

/* Children and text of the element on top, up to its end. */
static void push_content(lua_State *L, document *self, aci_xml_kind kind) {
    luaL_Buffer text;
    lua_Integer count = 0;
    lua_newtable(L); /* element children */
    int children = lua_gettop(L);
    luaL_buffinit(L, &text);
    for (; kind == ACI_XML_TEXT || kind == ACI_XML_ELEMENT; kind = step(self)) {
        if (kind == ACI_XML_TEXT) {
            luaL_addlstring(&text, self->event.first, self->event.first_length);
        } else {
            push_element(L, self);
            lua_rawseti(L, children, ++count);
        }
    }
    luaL_pushresult(&text);
    if (count && is_blank(lua_tostring(L, -1), lua_rawlen(L, -1))) {
        lua_pop(L, 1);
        lua_pushliteral(L, ""); /* indentation */
    }
    lua_setfield(L, children - 1, "text");
    lua_setfield(L, children - 1, "children");
}

/* The element whose start was the last step. */
static void push_element(lua_State *L, document *self) {
    luaL_checkstack(L, 12, "XML nested too deeply");
    lua_createtable(L, 0, 4);
    set_field(L, "name", self->event.first, self->event.first_length);
    push_content(L, self, push_attributes(L, self));
}

static int fail_parsing(lua_State *L, const aci_xml_fault *fault) {
    lua_pushfstring(L, "line %I, column %I: %s", (LUAI_UACINT)fault->line,
                    (LUAI_UACINT)fault->column, fault->message);
    aci_fail(L, "invalid", "InvalidXml", lua_tostring(L, -1));
    lua_pushinteger(L, (lua_Integer)fault->line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, (lua_Integer)fault->column);
    lua_setfield(L, -2, "column");
    return 2;
}

/* xml.parse(text) -> element | nil, err */
static int xml_parse(lua_State *L) {
    size_t length;
    aci_xml_fault fault;
    const char *text = aci_bytes(L, 1, &length);

    void **slot = aci_guard(L, document_free);
    document *self = *slot = calloc(1, sizeof *self);
    if (!self) {
        return luaL_error(L, "not enough memory");
    }

    if (!aci_xml_read(text, length, &self->events, &fault)) {
        return fail_parsing(L, &fault);
    }

    step(self); /* a document begins with its element */
    push_element(L, self);
    return 1;
}

static const char *escape_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\r':
        return "&#13;"; /* a reader would make a line feed of it */
    default:
        return NULL;
    }
}

/* Bytes of the character at `at` if XML 1.0 has it, else 0. */
static size_t xml_length(const char *at, const char *end) {
    unsigned char c = (unsigned char)*at;
    bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
    bool noncharacter = end - at >= 3 && memcmp(at, "\xef\xbf", 2) == 0 && (at[2] & 0xfe) == 0xbe;
    return control || noncharacter ? 0 : aci_utf8_length(at, end);
}

/* xml.escape(text) -> text fit for character data and attribute values */
static int xml_escape(lua_State *L) {
    size_t length;
    const char *at = luaL_checklstring(L, 1, &length), *end = at + length;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    while (at < end) {
        size_t bytes = xml_length(at, end);
        const char *escape = escape_of(*at);
        luaL_argcheck(L, bytes, 1, "XML cannot hold these bytes");
        if (escape) {
            luaL_addstring(&out, escape);
        } else {
            luaL_addlstring(&out, at, bytes);
        }
        at += bytes;
    }
    luaL_pushresult(&out);
    return 1;
}

int luaopen_aci_xml(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"parse", xml_parse}, {"escape", xml_escape}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
