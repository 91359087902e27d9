/* aci._texts: the program's own Lua sources and reference, as help() and tracebacks need them. */
#include "state.h"

#include <string.h>

#include <lauxlib.h>

const struct aci_source_text *aci_text_find(const struct aci_source_text *table, const char *name) {
    while (table->module && strcmp(table->module, name) != 0)
        table++;
    return table->module ? table : NULL;
}

static int push_text(lua_State *L, const struct aci_source_text *table) {
    const struct aci_source_text *text = aci_text_find(table, luaL_checkstring(L, 1));
    if (text)
        lua_pushlstring(L, (const char *)text->text, text->size);
    else
        lua_pushnil(L);
    return 1;
}

/* source(module) -> the Lua text of one of the program's modules, or nil */
static int texts_source(lua_State *L) {
    return push_text(L, aci_embedded);
}

/* reference(name) -> the stub file bindings/meta/NAME.lua, or nil */
static int texts_reference(lua_State *L) {
    return push_text(L, aci_reference);
}

/* references() -> array of the names */
static int texts_references(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; aci_reference[i].module; i++) {
        lua_pushstring(L, aci_reference[i].module);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int open_texts(lua_State *L) {
    static const luaL_Reg functions[] = {{"source", texts_source},
                                         {"reference", texts_reference},
                                         {"references", texts_references},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

void aci_texts_preload(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_texts);
    lua_setfield(L, -2, "aci._texts");
    lua_pop(L, 1);
}
