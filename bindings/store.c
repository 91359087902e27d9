#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_store(lua_State *L) {
    return luaL_error(L, "aci.store is not built yet");
}
