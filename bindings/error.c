/* aci._error: what every part of the program must agree on about an error object, even before
 * the Lua half of aci.error is loaded: its metatable, its one line, its exit code. */
#include "bindings.h"
#include "glue.h"

#include <string.h>

static const struct {
    const char *kind;
    int code;
} exit_codes[] = {
    {"failed", 1},  {"server", 1},  {"not_found", 1},     {"invalid", 1},  {"canceled", 1},
    {"usage", 2},   {"auth", 4},    {"permission", 5},    {"conflict", 6}, {"throttled", 7},
    {"network", 7}, {"timeout", 7}, {"interrupted", 130},
};

bool aci_error_is(lua_State *L, int index) {
    bool same;
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, "aci.error");
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

static bool is_kind(lua_State *L, int index, const char *kind) {
    bool yes;
    lua_getfield(L, index, "kind");
    yes = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), kind) == 0;
    lua_pop(L, 1);
    return yes;
}

int aci_error_exit_code(lua_State *L, int index) {
    int code = 1;
    index = lua_absindex(L, index);
    if (!aci_error_is(L, index))
        return 1;
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        if (is_kind(L, index, exit_codes[i].kind))
            code = exit_codes[i].code;
    return code;
}

static void add_field(lua_State *L, luaL_Buffer *line, const char *key, const char *before,
                      const char *after) {
    if (lua_getfield(L, 1, key) == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    lua_pushstring(L, before);
    lua_insert(L, -2);
    luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    lua_pushstring(L, after);
    lua_concat(L, 3);
    luaL_addvalue(line);
}

/* tostring(err): one line that says what, where, and what to do. Codes are for what a service
 * refused: who mistyped an option has no use for one. */
static int error__tostring(lua_State *L) {
    luaL_Buffer line;
    luaL_checktype(L, 1, LUA_TTABLE);
    bool usage = is_kind(L, 1, "usage");
    luaL_buffinit(L, &line);
    add_field(L, &line, "message", "", "");
    add_field(L, &line, "status", " (", "");
    if (!usage)
        add_field(L, &line, "code", " [", "]");
    if (lua_getfield(L, 1, "status") != LUA_TNIL)
        lua_pushliteral(L, ")");
    else
        lua_pushliteral(L, "");
    lua_remove(L, -2);
    luaL_addvalue(&line);
    add_field(L, &line, "method", "; ", "");
    add_field(L, &line, "url", " ", "");
    add_field(L, &line, "request_id", "; request id ", "");
    add_field(L, &line, "advice", ". ", "");
    luaL_pushresult(&line);
    aci_secret_conceal(L, -1);
    return 1;
}

/* error.exit_code(value) -> integer */
static int error_exit_code(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushinteger(L, aci_error_exit_code(L, 1));
    return 1;
}

/* error.is(value [, kind]) -> boolean */
static int error_is(lua_State *L) {
    const char *kind = luaL_optstring(L, 2, NULL);
    lua_pushboolean(L, aci_error_is(L, 1) && (!kind || is_kind(L, 1, kind)));
    return 1;
}

/* error.new(fields) -> the same table as an error object */
static int error_new(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_argcheck(L, lua_getfield(L, 1, "kind") == LUA_TSTRING, 1, "an error needs a 'kind'");
    luaL_argcheck(L, lua_getfield(L, 1, "message") == LUA_TSTRING, 1, "an error needs a 'message'");
    aci_secret_conceal(L, -1); /* a service may have repeated what it was sent */
    lua_setfield(L, 1, "message");
    lua_settop(L, 1);
    luaL_setmetatable(L, "aci.error");
    return 1;
}

int luaopen_aci_error(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"new", error_new}, {"is", error_is}, {"exit_code", error_exit_code}, {NULL, NULL}};
    if (luaL_newmetatable(L, "aci.error")) {
        lua_pushcfunction(L, error__tostring);
        lua_setfield(L, -2, "__tostring");
    }
    luaL_newlib(L, functions);
    return 1;
}
