#include "find.h"

#include "core/self.h"
#include "state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lauxlib.h>

static bool regular(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* In the build tree, then where the program is installed. */
static const char *const places[] = {"/../scripts", "/../share/acihost/scripts", NULL};

void aci_scripts_push(lua_State *L) {
    char path[4096 + 32], real[4096];
    aci_self_path(path, 4096);
    char *slash = strrchr(path, '/');
    for (int i = 0; slash && places[i]; i++) {
        memcpy(slash, places[i], strlen(places[i]) + 1);
        if (folder(path) && realpath(path, real)) {
            lua_pushstring(L, real);
            return;
        }
    }
    lua_pushnil(L);
}

/* Pushes ROOT/NAME.lua when that is a regular file; `name` may end in .lua already. */
static const char *in_folder(lua_State *L, const char *root, const char *name) {
    size_t length = strlen(name);
    bool has = length > 4 && strcmp(name + length - 4, ".lua") == 0;
    const char *path;
    if (!root)
        return NULL;
    path = lua_pushfstring(L, "%s/%s%s", root, name, has ? "" : ".lua");
    if (regular(path))
        return path;
    lua_pop(L, 1);
    return NULL;
}

const char *aci_script_find(lua_State *L, const char *name) {
    size_t length = strlen(name);
    const char *path;
    bool lua = length > 4 && strcmp(name + length - 4, ".lua") == 0;
    if (strchr(name, '/') || (lua && regular(name)))
        return lua_pushstring(L, name);
    path = in_folder(L, "scripts", name);
    if (path)
        return path;
    aci_scripts_push(L);
    path = in_folder(L, lua_tostring(L, -1), name);
    return path ? path : lua_pushstring(L, name);
}

const char *aci_script_near(lua_State *L, const char *name) {
    int base = lua_gettop(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "aci.cli.near");
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
        aci_scripts_push(L);
        lua_pushstring(L, name);
        if (lua_pcall(L, 2, 1, 0) == LUA_OK)
            return lua_tostring(L, -1);
    }
    lua_settop(L, base);
    lua_pushnil(L);
    return NULL;
}

/* ---- modules beside the scripts ---- */

/* Upvalue 1: the key of `package` with the path to look on; 2: is it quiet when nothing is there?
 */
static int search_scripts(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushvalue(L, 1);
    if (lua_getfield(L, -3, lua_tostring(L, lua_upvalueindex(1))) != LUA_TSTRING)
        return 0;
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
        return lua_toboolean(L, lua_upvalueindex(2)) ? 0 : 1;
    lua_pop(L, 1);
    if (luaL_loadfile(L, lua_tostring(L, -1)) != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", module,
                          lua_tostring(L, -2), lua_tostring(L, -1));
    lua_insert(L, -2);
    return 2;
}

/* Expects package.searchers on top of the stack. */
static void insert_searcher(lua_State *L, lua_Integer at, const char *path, bool quiet) {
    for (lua_Integer i = luaL_len(L, -1); i >= at; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushstring(L, path);
    lua_pushboolean(L, quiet);
    lua_pushcclosure(L, search_scripts, 2);
    lua_rawseti(L, -2, at);
}

void aci_scripts_searchers(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    insert_searcher(L, 2, "beside", true);
    insert_searcher(L, luaL_len(L, -1) + 1, "scripts", false);
    lua_pop(L, 2);
}

void aci_scripts_path(lua_State *L, const char *script, bool installed) {
    const char *slash = script ? strrchr(script, '/') : NULL;
    lua_getglobal(L, "package");
    lua_pushlstring(L, script, slash ? (size_t)(slash - script) : 0);
    lua_pushfstring(L, slash ? "%s%s/?.lua" : "", installed ? "./scripts/?.lua;" : "",
                    lua_tostring(L, -1));
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "beside");
    lua_pushfstring(L, "%s%s./scripts/?.lua", lua_tostring(L, -1), slash ? ";" : "");
    aci_scripts_push(L);
    if (lua_isstring(L, -1))
        lua_pushfstring(L, "%s;%s/?.lua", lua_tostring(L, -2), lua_tostring(L, -1));
    else
        lua_pushvalue(L, -2);
    lua_setfield(L, -6, "scripts");
    lua_pop(L, 5);
}

/* ---- --eject ---- */

static int make_parents(char *path) {
    for (char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        int made;
        *at = '\0';
        made = mkdir(path, 0777);
        *at = '/';
        if (made < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* "x" refuses an existing file in one step, so nothing is ever overwritten. */
static int copy(const char *from, const char *to) {
    char block[65536];
    size_t count;
    int failed = 0;
    FILE *in = fopen(from, "rb");
    FILE *out = in ? fopen(to, "wbx") : NULL;
    if (!out)
        failed = -errno;
    while (!failed && (count = fread(block, 1, sizeof block, in)) > 0)
        if (fwrite(block, 1, count, out) != count)
            failed = -errno;
    if (in)
        fclose(in);
    if (out && fclose(out) != 0 && !failed)
        failed = -errno;
    return failed;
}

/* A script or, by its whole name, a template; never what lies outside of the folder. */
static const char *to_copy(lua_State *L, const char *root, const char *name) {
    const char *path = strstr(name, "..") ? NULL : in_folder(L, root, name);
    if (path || !root || strstr(name, ".."))
        return path;
    path = lua_pushfstring(L, "%s/%s", root, name);
    return regular(path) ? path : NULL;
}

/* In the build tree's own folder the script is yours as it lies there. */
static bool same_file(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int nothing_to_copy(lua_State *L, const char *program, const char *name) {
    const char *near;
    aci_state_open(L, true);
    near = aci_script_near(L, name);
    fprintf(stderr, "%s: there is no script '%s' to copy out", program, name);
    if (near)
        fprintf(stderr, " (did you mean '%s'?)", near);
    fputc('\n', stderr);
    return 2;
}

int aci_eject(lua_State *L, const char *program, const char *name) {
    char target[4096];
    const char *source;
    int failed;
    aci_scripts_push(L);
    source = to_copy(L, lua_tostring(L, -1), name);
    if (!source) {
        return nothing_to_copy(L, program, name);
    }
    snprintf(target, sizeof target, "scripts%s", source + strlen(lua_tostring(L, -2)));
    failed = make_parents(target);
    if (!failed && !same_file(source, target))
        failed = copy(source, target);
    if (failed) {
        fprintf(stderr, "%s: cannot write %s: %s%s\n", program, target, strerror(-failed),
                failed == -EEXIST ? "; it is left as it is" : "");
        return failed == -EEXIST ? 6 : 1;
    }
    printf("%s is yours to edit\n", target);
    return 0;
}
