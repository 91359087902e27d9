#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_crypto(lua_State *L) {
    return luaL_error(L, "aci.crypto is not built yet");
}
