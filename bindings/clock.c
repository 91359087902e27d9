#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_clock(lua_State *L) {
    return luaL_error(L, "aci.clock is not built yet");
}
