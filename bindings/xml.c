#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_xml(lua_State *L) {
    return luaL_error(L, "aci.xml is not built yet");
}
