#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_term(lua_State *L) {
    return luaL_error(L, "aci.term is not built yet");
}
