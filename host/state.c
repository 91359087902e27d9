#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bindings.h"
#include "find.h"

/* With ACIHOST_LUA=dir the Lua half comes from there: for those who work on it. */
static bool load_from_disk(lua_State *L, const char *module) {
    const char *root = getenv("ACIHOST_LUA");
    const char *path;
    FILE *file;
    if (!root)
        return false;
    path = luaL_gsub(L, module, ".", "/");
    path = lua_pushfstring(L, "%s/%s.lua", root, path);
    file = fopen(path, "r");
    if (!file) {
        lua_pop(L, 2);
        return false;
    }
    fclose(file);
    if (luaL_loadfile(L, path) != LUA_OK)
        lua_error(L);
    lua_insert(L, -2);
    lua_remove(L, -3);
    return true;
}

/* A searcher: what is in the program cannot be shadowed by a file on the path. */
static int search_embedded(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    const struct aci_source_text *source;
    if (load_from_disk(L, module))
        return 2;
    source = aci_text_find(aci_embedded, module);
    if (!source)
        return 0; /* says nothing, so that require's message is lua's own */
    lua_pushfstring(L, "@%s.lua", luaL_gsub(L, module, ".", "/"));
    if (luaL_loadbuffer(L, (const char *)source->text, source->size, lua_tostring(L, -1)))
        return lua_error(L);
    lua_pushfstring(L, ":embedded:");
    return 2;
}

static void add_searcher(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, search_embedded);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

void aci_state_open(lua_State *L, bool no_environment) {
    if (no_environment) {
        lua_pushboolean(L, true);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
    aci_preload(L);
    aci_texts_preload(L);
    lua_pushcfunction(L, luaopen_aci_error); /* the metatable must be there for the first error */
    lua_call(L, 0, 0);
    aci_scripts_searchers(L);
    add_searcher(L);
    aci_interruptible(L);
}
