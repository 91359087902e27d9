#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_http(lua_State *L) {
    return luaL_error(L, "aci.http is not built yet");
}
