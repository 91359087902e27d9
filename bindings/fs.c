#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_fs(lua_State *L) {
    return luaL_error(L, "aci.fs is not built yet");
}
