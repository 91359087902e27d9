#include "bindings.h"

#include <lauxlib.h>

int luaopen_aci_template(lua_State *L) {
    return luaL_error(L, "aci.template is not built yet");
}
