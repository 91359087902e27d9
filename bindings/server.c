#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_server(lua_State *L) {
    return luaL_error(L, "aci.server is not built yet");
}
