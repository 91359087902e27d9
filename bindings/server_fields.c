/* An answer's header fields: a table {name = value | {value, ...}} to lines. */
#include "glue.h"
#include "server.h"

#include <string.h>

/* The value at the top as bytes; numbers as Lua writes them. */
static const char *field_value(lua_State *L, const char *name, size_t *len) {
    const char *bytes = aci_secret_test(L, -1, len);
    if (!bytes && (lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER))
        bytes = lua_tolstring(L, -1, len);
    if (!bytes)
        luaL_error(L, "header '%s' must be a string, a number or an array, got a %s", name,
                   luaL_typename(L, -1));
    if (!aci_head_value_ok(bytes, *len))
        luaL_error(L, "header '%s' has a control character", name);
    return bytes;
}

/* Adds `name: value CRLF`; with `to` NULL it only measures. */
static size_t put_line(lua_State *L, const char *name, size_t name_len, char *to) {
    size_t len;
    const char *value = field_value(L, name, &len);
    if (to) {
        memcpy(to, name, name_len);
        memcpy(to + name_len, ": ", 2);
        memcpy(to + name_len + 2, value, len);
        memcpy(to + name_len + 2 + len, "\r\n", 2);
    }
    return name_len + len + 4;
}

/* Key and value are at the top; the value is popped. */
static size_t put_field(lua_State *L, char *to) {
    size_t name_len, total = 0;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "header names are strings, got a %s", luaL_typename(L, -2));
    const char *name = lua_tolstring(L, -2, &name_len);
    if (!aci_head_name_ok(name, name_len))
        luaL_error(L, "'%s' is no header name", name);
    if (aci_span_is((aci_span){name, name_len}, "transfer-encoding"))
        luaL_error(L, "Transfer-Encoding is the server's to set");
    if (lua_type(L, -1) != LUA_TTABLE) {
        total = put_line(L, name, name_len, to);
    } else {
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, -1, i);
            total += put_line(L, name, name_len, to ? to + total : NULL);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return total;
}

static size_t put_fields(lua_State *L, int index, char *to) {
    size_t total = 0;
    lua_pushnil(L);
    while (lua_next(L, index))
        total += put_field(L, to ? to + total : NULL);
    return total;
}

aci_span aci_answer_fields(lua_State *L, int index) {
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return (aci_span){"", 0};
    }
    luaL_checktype(L, index, LUA_TTABLE);
    size_t size = put_fields(L, index, NULL);
    char *lines = lua_newuserdatauv(L, size + 1, 0);
    put_fields(L, index, lines);
    return (aci_span){lines, size};
}
