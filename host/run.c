#include "run.h"

#include <stdio.h>

#include <lauxlib.h>

#include "bindings.h"

/* A string gets a traceback; an aci.error stays the object that it is, since the exit code
 * depends on it; what else can speak for itself becomes what it says. */
static int message_handler(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (!message) {
        if (aci_error_is(L, 1))
            return 1;
        if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
            return 1;
        message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    luaL_traceback(L, L, message, 1);
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
    int code = aci_interrupted() ? 130 : aci_error_exit_code(L, -1);
    luaL_tolstring(L, -1, NULL);
    aci_secret_conceal(L, -1);
    fflush(stdout);
    if (program)
        fprintf(stderr, "%s: ", program);
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    fflush(stderr);
    lua_pop(L, 2);
    return code;
}
