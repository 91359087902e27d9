#include "glue.h"

#include <errno.h>
#include <string.h>

/* ---- errors ---- */

void aci_error_push(lua_State *L, const char *kind, const char *code, const char *message) {
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    if (code) {
        lua_pushstring(L, code);
        lua_setfield(L, -2, "code");
    }
    luaL_setmetatable(L, "aci.error");
}

int aci_fail(lua_State *L, const char *kind, const char *code, const char *message) {
    lua_pushnil(L);
    aci_error_push(L, kind, code, message);
    return 2;
}

int aci_fail_errno(lua_State *L, const char *what, const char *path, int number) {
    const char *kind = number == ENOENT ? "not_found" : "failed";
    lua_pushfstring(L, "%s %s: %s", what, path, strerror(number));
    aci_fail(L, kind, strerrorname_np(number), lua_tostring(L, -1));
    return 2;
}

int aci_raise(lua_State *L, const char *kind, const char *code, const char *message) {
    aci_error_push(L, kind, code, message);
    return lua_error(L);
}

/* ---- options ---- */

static size_t least(size_t a, size_t b, size_t c) {
    size_t low = a < b ? a : b;
    return low < c ? low : c;
}

/* Edit distance of two short names; long ones count as far apart. */
static size_t distance(const char *a, const char *b) {
    size_t rows[2][48];
    size_t la = strlen(a), lb = strlen(b);
    if (la > 46 || lb > 46)
        return 99;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i & 1], *before = rows[(i - 1) & 1];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++)
            now[j] = least(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
    }
    return rows[la & 1][lb];
}

const char *aci_nearest(const char *name, const char *const *names) {
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1;
    for (; *names; names++) {
        size_t away = distance(name, *names);
        if (away < best) {
            best = away;
            nearest = *names;
        }
    }
    return nearest;
}

static bool known(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static int unknown_option(lua_State *L, const char *name, const char *const *names) {
    const char *nearest = aci_nearest(name, names);
    if (nearest)
        return luaL_error(L, "unknown option '%s' (did you mean '%s'?)", name, nearest);
    return luaL_error(L, "unknown option '%s'", name);
}

void aci_options_check(lua_State *L, int index, const char *const *names) {
    index = lua_absindex(L, index);
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "option names are strings, got a %s", luaL_typename(L, -1));
        if (!known(lua_tostring(L, -1), names))
            unknown_option(L, lua_tostring(L, -1), names);
    }
}

/* Pushes the option; false (and nothing pushed) when it is missing. */
static void wrong_type(lua_State *L, const char *key, const char *expected) {
    luaL_error(L, "option '%s' must be a %s, got a %s", key, expected, luaL_typename(L, -1));
}

/* Pushes an option; false, with nothing pushed, where it is not there. Raises for another type. */
static bool get_option(lua_State *L, int index, const char *key, int type, const char *expected) {
    int found = lua_getfield(L, index, key);
    if (found == LUA_TNIL)
        lua_pop(L, 1);
    else if (found != type)
        wrong_type(L, key, expected);
    return found != LUA_TNIL;
}

const char *aci_opt_string(lua_State *L, int index, const char *key, const char *otherwise) {
    const char *value = otherwise;
    if (get_option(L, index, key, LUA_TSTRING, "string")) {
        value = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return value;
}

lua_Integer aci_opt_integer(lua_State *L, int index, const char *key, lua_Integer otherwise) {
    lua_Integer value = otherwise;
    if (get_option(L, index, key, LUA_TNUMBER, "whole number")) {
        int whole;
        value = lua_tointegerx(L, -1, &whole);
        if (!whole)
            wrong_type(L, key, "whole number");
        lua_pop(L, 1);
    }
    return value;
}

lua_Number aci_opt_number(lua_State *L, int index, const char *key, lua_Number otherwise) {
    lua_Number value = otherwise;
    if (get_option(L, index, key, LUA_TNUMBER, "number")) {
        value = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return value;
}

bool aci_opt_boolean(lua_State *L, int index, const char *key, bool otherwise) {
    bool value = otherwise;
    if (get_option(L, index, key, LUA_TBOOLEAN, "boolean")) {
        value = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    return value;
}

/* ---- guard ---- */

struct guard {
    void *thing;
    void (*release)(void *);
};

static int guard_close(lua_State *L) {
    struct guard *guard = lua_touserdata(L, 1);
    void *thing = guard->thing;
    guard->thing = NULL;
    if (thing)
        guard->release(thing);
    return 0;
}

void **aci_guard(lua_State *L, void (*release)(void *)) {
    struct guard *guard = lua_newuserdatauv(L, sizeof *guard, 0);
    *guard = (struct guard){NULL, release};
    aci_type(L, "aci.guard", NULL, guard_close);
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
    return &guard->thing;
}

/* ---- types ---- */

void aci_type(lua_State *L, const char *type, const luaL_Reg *methods, lua_CFunction close) {
    if (luaL_getmetatable(L, type) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    if (close) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
    }
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pushstring(L, type);
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1); /* complete before it is found by name */
    lua_setfield(L, LUA_REGISTRYINDEX, type);
}

void aci_waitable_type(lua_State *L, const char *type, const luaL_Reg *methods,
                       lua_CFunction close) {
    aci_type(L, type, methods, close);
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "__aci_wait");
}

void *aci_waitable_new(lua_State *L, size_t size, const char *type, int user_values) {
    void *thing = lua_newuserdatauv(L, size, user_values);
    memset(thing, 0, size);
    luaL_setmetatable(L, type);
    return thing;
}

/* ---- secrets: see secret.c ---- */

const char *aci_bytes(lua_State *L, int index, size_t *length) {
    const char *bytes = aci_secret_test(L, index, length);
    if (bytes)
        return bytes;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_typeerror(L, index, "string or secret");
    return lua_tolstring(L, index, length);
}
