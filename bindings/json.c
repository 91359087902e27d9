#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_json(lua_State *L) {
    return luaL_error(L, "aci.json is not built yet");
}
