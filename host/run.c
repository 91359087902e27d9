#include "run.h"

#include <stdio.h>

#include <lauxlib.h>

#include "bindings.h"

static int message_handler(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (message) {
        luaL_traceback(L, L, message, 1);
        return 1;
    }
    if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        lua_settop(L, 1);
        return 1; /* an object that speaks for itself needs no traceback */
    }
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    return 1;
}

int aci_call(lua_State *L, int arguments, int results) {
    int base = lua_gettop(L) - arguments;
    int status;
    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    status = lua_pcall(L, arguments, results, base);
    lua_remove(L, base);
    return status;
}

int aci_report(lua_State *L, const char *program) {
    int code = aci_error_exit_code(L, -1);
    const char *message = luaL_tolstring(L, -1, NULL);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program, message);
    fflush(stderr);
    lua_pop(L, 2);
    return code;
}
