/* aci.json: text to Lua values here, values to text in json_encode.c.
 *
 *     local value, err = json.decode('{"ports": [80, 443], "name": null}')
 *     value.name == json.null, json.is_array(value.ports)
 *
 * The scanner in core knows the grammar and allocates nothing, so this file owns nothing: every
 * value is on the Lua stack from the moment it exists. */
#include "bindings.h"
#include "glue.h"
#include "json.h"

#include <string.h>

#include "core/jstring.h"
#include "core/scan.h"

/* So many of a container's values are collected on the Lua stack before its table is made. */
#define FIRST_MEMBERS 16
#define FIRST_ELEMENTS 32

/* Stack slots of json.decode. */
enum { TEXT = 1, OPTIONS, SECRETS, ARRAY_MARK };

typedef struct decoder {
    lua_State *L;
    aci_scan scan;
    bool has_secrets; /* SECRETS holds a set of member names */
} decoder;

static bool decode_value(decoder *self, aci_token token);

static void push_unescaped(lua_State *L, const aci_scan *scan) {
    luaL_Buffer text;
    char *room = luaL_buffinitsize(L, &text, scan->length);
    luaL_pushresultsize(&text, aci_string_unescape(scan->start, scan->length, room));
}

static void push_string(lua_State *L, const aci_scan *scan) {
    if (scan->escaped) {
        push_unescaped(L, scan);
    } else {
        lua_pushlstring(L, scan->start, scan->length);
    }
}

/* A string that must never be a Lua string. */
static void push_secret(lua_State *L, const aci_scan *scan) {
    char *room = lua_newuserdatauv(L, scan->length + 1, 0);
    size_t length = aci_string_unescape(scan->start, scan->length, room);
    aci_secret_push(L, room, length);
    explicit_bzero(room, length);
    lua_remove(L, -2);
}

/* Whether the name on top of the stack is one whose value is a secret. */
static bool is_secret_name(decoder *self) {
    if (!self->has_secrets) {
        return false;
    }
    lua_pushvalue(self->L, -1);
    bool yes = lua_rawget(self->L, SECRETS) != LUA_TNIL;
    lua_pop(self->L, 1);
    return yes;
}

/* --- objects ------------------------------------------------------------------------------ */

/* Take the name on top if it is new in the table; false with the error set. */
static bool check_name(decoder *self, int table, const char *start) {
    lua_State *L = self->L;
    lua_pushvalue(L, -1);
    bool taken = lua_rawget(L, table) != LUA_TNIL;
    lua_pop(L, 1);
    if (taken) {
        self->scan.start = start;
        aci_scan_refuse(&self->scan, "a member of this name was there before");
    }
    return !taken;
}

/* Push the value of the member whose name is on top. */
static bool decode_member(decoder *self) {
    aci_token token = aci_scan_next(&self->scan);
    if (token == ACI_SCAN_STRING && is_secret_name(self)) {
        push_secret(self->L, &self->scan);
        return true;
    }
    return decode_value(self, token);
}

/* Make the table at `table` of the pairs above it, with room for exactly them: growing a table
 * member by member costs more than all the rest of reading it. */
static bool make_object(decoder *self, int table, int count, const char *const *starts) {
    lua_State *L = self->L;
    lua_createtable(L, 0, count);
    lua_replace(L, table);
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, table + 1 + 2 * i);
        if (!check_name(self, table, starts[i])) {
            return false;
        }
        lua_pushvalue(L, table + 2 + 2 * i);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
    return true;
}

/* The members after the first ones, straight into the table on top. */
static bool add_members(decoder *self, int table) {
    aci_token token;
    while ((token = aci_scan_next(&self->scan)) == ACI_SCAN_NAME) {
        const char *start = self->scan.start;
        push_string(self->L, &self->scan);
        if (!check_name(self, table, start) || !decode_member(self)) {
            return false;
        }
        lua_rawset(self->L, table);
    }
    return token == ACI_SCAN_OBJECT_END;
}

static bool decode_object(decoder *self) {
    lua_State *L = self->L;
    const char *starts[FIRST_MEMBERS];
    int count = 0;
    luaL_checkstack(L, 2 * FIRST_MEMBERS + 8, "JSON nested too deeply");
    lua_pushnil(L); /* the table's slot */
    int table = lua_gettop(L);
    while (count < FIRST_MEMBERS) {
        aci_token token = aci_scan_next(&self->scan);
        if (token == ACI_SCAN_OBJECT_END) {
            return make_object(self, table, count, starts);
        }
        if (token != ACI_SCAN_NAME) {
            return false;
        }
        starts[count++] = self->scan.start;
        push_string(L, &self->scan);
        if (!decode_member(self)) {
            return false;
        }
    }
    return make_object(self, table, count, starts) && add_members(self, table);
}

/* --- arrays ------------------------------------------------------------------------------- */

static void make_array(lua_State *L, int table, int count) {
    lua_createtable(L, count, 0);
    lua_pushvalue(L, ARRAY_MARK);
    lua_setmetatable(L, -2);
    lua_replace(L, table);
    for (int i = count; i > 0; i--) {
        lua_rawseti(L, table, i);
    }
}

static bool decode_array(decoder *self) {
    lua_State *L = self->L;
    luaL_checkstack(L, FIRST_ELEMENTS + 8, "JSON nested too deeply");
    lua_pushnil(L); /* the table's slot */
    int table = lua_gettop(L);
    for (lua_Integer count = 1;; count++) {
        aci_token token = aci_scan_next(&self->scan);
        if (token == ACI_SCAN_ARRAY_END) {
            if (count <= FIRST_ELEMENTS) {
                make_array(L, table, (int)count - 1);
            }
            return true;
        }
        if (!decode_value(self, token)) {
            return false;
        }
        if (count == FIRST_ELEMENTS) {
            make_array(L, table, FIRST_ELEMENTS);
        } else if (count > FIRST_ELEMENTS) {
            lua_rawseti(L, table, count);
        }
    }
}

/* --- values ------------------------------------------------------------------------------- */

/* Push the value that begins with token; false after an error, which the scanner holds. */
static bool decode_value(decoder *self, aci_token token) {
    lua_State *L = self->L;
    switch (token) {
    case ACI_SCAN_STRING:
        push_string(L, &self->scan);
        return true;
    case ACI_SCAN_INTEGER:
        lua_pushinteger(L, self->scan.integer);
        return true;
    case ACI_SCAN_FLOAT:
        lua_pushnumber(L, self->scan.number);
        return true;
    case ACI_SCAN_TRUE:
    case ACI_SCAN_FALSE:
        lua_pushboolean(L, token == ACI_SCAN_TRUE);
        return true;
    case ACI_SCAN_NULL:
        lua_pushlightuserdata(L, NULL);
        return true;
    case ACI_SCAN_OBJECT:
        return decode_object(self);
    case ACI_SCAN_ARRAY:
        return decode_array(self);
    default:
        return false;
    }
}

/* nil and the error object, with the place in its message and as fields. */
static int fail_decoding(lua_State *L, const aci_scan *scan) {
    size_t line, column;
    aci_scan_where(scan, &line, &column);
    lua_pushfstring(L, "line %I, column %I: %s", (LUAI_UACINT)line, (LUAI_UACINT)column,
                    scan->error);
    aci_fail(L, "invalid", "InvalidJson", lua_tostring(L, -1));
    lua_pushinteger(L, (lua_Integer)line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, (lua_Integer)column);
    lua_setfield(L, -2, "column");
    return 2;
}

/* Turn the option `secrets`, an array of member names, into a set at SECRETS. */
static bool read_secrets(lua_State *L) {
    lua_newtable(L);
    if (lua_getfield(L, OPTIONS, "secrets") == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    if (!lua_istable(L, -1)) {
        luaL_error(L, "option 'secrets' must be an array of member names");
    }
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        lua_pushboolean(L, true);
        lua_rawset(L, SECRETS);
    }
    lua_pop(L, 2);
    return true;
}

static unsigned read_options(lua_State *L) {
    static const char *const names[] = {"comments", "line_breaks", "bare_names", "secrets", NULL};
    aci_options_check(L, OPTIONS, names);
    return (aci_opt_boolean(L, OPTIONS, "comments", false) ? ACI_SCAN_COMMENTS : 0) |
           (aci_opt_boolean(L, OPTIONS, "line_breaks", false) ? ACI_SCAN_LINE_BREAKS : 0) |
           (aci_opt_boolean(L, OPTIONS, "bare_names", false) ? ACI_SCAN_NAMES : 0);
}

/* json.decode(text [, options]) -> value | nil, err */
static int json_decode(lua_State *L) {
    decoder self = {.L = L};
    size_t length;
    const char *text = aci_bytes(L, TEXT, &length);
    lua_settop(L, OPTIONS);
    unsigned options = lua_isnil(L, OPTIONS) ? 0 : read_options(L);
    self.has_secrets = lua_isnil(L, OPTIONS) ? (lua_pushnil(L), false) : read_secrets(L);
    luaL_getmetatable(L, ACI_JSON_ARRAY);

    aci_scan_init(&self.scan, text, length, options);
    bool whole =
        decode_value(&self, aci_scan_next(&self.scan)) && aci_scan_next(&self.scan) == ACI_SCAN_END;

    return whole ? 1 : fail_decoding(L, &self.scan);
}

/* json.array([table]) -> the table, marked: empty or not it is written as [...] */
static int json_array(lua_State *L) {
    lua_settop(L, lua_isnoneornil(L, 1) ? 0 : 1);
    if (lua_gettop(L) == 0) {
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_setmetatable(L, ACI_JSON_ARRAY);
    return 1;
}

/* json.object([table]) -> the table, marked: written as {...}, whole numbers as names too */
static int json_object(lua_State *L) {
    lua_settop(L, lua_isnoneornil(L, 1) ? 0 : 1);
    if (lua_gettop(L) == 0) {
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_setmetatable(L, ACI_JSON_OBJECT);
    return 1;
}

/* json.is_array(value) -> boolean: would it be written as [...]? */
static int json_is_array(lua_State *L) {
    bool table = lua_istable(L, 1), marked = table && lua_getmetatable(L, 1);
    if (marked) {
        luaL_getmetatable(L, ACI_JSON_ARRAY);
        luaL_getmetatable(L, ACI_JSON_OBJECT);
        bool array = lua_rawequal(L, -2, -3), object = lua_rawequal(L, -1, -3);
        lua_pushboolean(L, array || (!object && lua_rawlen(L, 1) > 0));
    } else {
        lua_pushboolean(L, table && lua_rawlen(L, 1) > 0);
    }
    return 1;
}

static int null__tostring(lua_State *L) {
    if (lua_touserdata(L, 1)) {
        lua_pushfstring(L, "light userdata: %p", lua_touserdata(L, 1));
    } else {
        lua_pushliteral(L, "null");
    }
    return 1;
}

/* json.null is cjson's: the light userdata NULL. All light userdata share one metatable, so ours
 * is set only where nobody else has one. */
static void push_null(lua_State *L) {
    lua_pushlightuserdata(L, NULL);
    if (lua_getmetatable(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, null__tostring);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
}

int luaopen_aci_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"decode", json_decode}, {"encode", aci_json_encode}, {"array", json_array},
        {"object", json_object}, {"is_array", json_is_array}, {NULL, NULL},
    };
    aci_type(L, ACI_JSON_ARRAY, NULL, NULL);
    aci_type(L, ACI_JSON_OBJECT, NULL, NULL);
    luaL_newlib(L, functions);
    push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
