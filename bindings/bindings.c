/* The table of modules. A module with a Lua half has its C half under an underscore name. */
#include "bindings.h"

#include "core/self.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);

static const luaL_Reg modules[] = {
    {"aci.clock", luaopen_aci_clock},
    {"aci._error", luaopen_aci_error},
    {"aci._fs", luaopen_aci_fs},
    {"aci.json", luaopen_aci_json},
    {"aci._process", luaopen_aci_process},
    {"aci.secret", luaopen_aci_secret},
    {"aci._spawn", luaopen_aci_spawn},
    {"aci._store", luaopen_aci_store},
    {"aci._task", luaopen_aci_task},
    {"aci._template", luaopen_aci_template},
    {"aci._term", luaopen_aci_term},
    {"aci.xml", luaopen_aci_xml},
    {"cjson", luaopen_cjson},
    {"cjson.safe", luaopen_cjson_safe},
    {NULL, NULL},
};

/* Module name and symbol of what lives in acihost_net.so. */
static const char *const net_modules[][2] = {
    {"aci.archive", "luaopen_aci_archive"},
    {"aci.crypto", "luaopen_aci_crypto"},
    {"aci._http", "luaopen_aci_http"},
    {"aci._server", "luaopen_aci_server"},
    {NULL, NULL},
};

/* Beside the program (build tree), else where it is installed. */
static int net_path(char *path, size_t size, int installed) {
    char self[4096];
    char *slash;
    if (!aci_self_path(self, sizeof self))
        return 0;
    slash = strrchr(self, '/');
    *slash = '\0';
    return snprintf(path, size, "%s/%sacihost_net.so", self,
                    installed ? ACI_NET_FROM_BIN "/" : "") < (int)size;
}

static void *net_library(lua_State *L) {
    static void *library;
    char path[4096];
    for (int installed = 0; !library && installed < 2; installed++) {
        if (net_path(path, sizeof path, installed) && access(path, R_OK) == 0)
            library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (!library) {
        const char *why = dlerror();
        luaL_error(L, "cannot load acihost_net.so beside the program: %s", why ? why : "not there");
    }
    return library;
}

/* Upvalue 1: the opener's symbol. */
static int open_net(lua_State *L) {
    const char *symbol = lua_tostring(L, lua_upvalueindex(1));
    void *address = dlsym(net_library(L), symbol);
    lua_CFunction opener;
    if (!address)
        return luaL_error(L, "acihost_net.so has no %s: it is of another version", symbol);
    memcpy(&opener, &address, sizeof opener); /* ISO C has no cast from object to function */
    lua_pushcfunction(L, opener);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

void aci_preload(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    for (int i = 0; net_modules[i][0]; i++) {
        lua_pushstring(L, net_modules[i][1]);
        lua_pushcclosure(L, open_net, 1);
        lua_setfield(L, -2, net_modules[i][0]);
    }
    lua_pop(L, 1);
}
