#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_process(lua_State *L) {
    return luaL_error(L, "aci.process is not built yet");
}
