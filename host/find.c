#include "find.h"

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
    ssize_t length = readlink("/proc/self/exe", path, 4095);
    path[length > 0 ? length : 0] = '\0';
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

void aci_script_path(lua_State *L, const char *script) {
    const char *slash = script ? strrchr(script, '/') : NULL;
    luaL_Buffer path;
    lua_getglobal(L, "package");
    luaL_buffinit(L, &path);
    if (slash) {
        luaL_addlstring(&path, script, (size_t)(slash - script));
        luaL_addstring(&path, "/?.lua;");
    } else if (script) {
        luaL_addstring(&path, "./?.lua;");
    }
    luaL_addstring(&path, "./scripts/?.lua;");
    aci_scripts_push(L);
    if (lua_isstring(L, -1)) {
        lua_pushliteral(L, "/?.lua;");
        lua_concat(L, 2);
        luaL_addvalue(&path);
    } else {
        lua_pop(L, 1);
    }
    luaL_pushresult(&path);
    lua_getfield(L, -2, "path");
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
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

int aci_eject(lua_State *L, const char *program, const char *name) {
    char target[4096];
    const char *source;
    int failed;
    aci_scripts_push(L);
    source = in_folder(L, lua_tostring(L, -1), name);
    if (!source) {
        fprintf(stderr, "%s: there is no script '%s' to copy out\n", program, name);
        return 2;
    }
    snprintf(target, sizeof target, "scripts/%s%s", name, strstr(name, ".lua") ? "" : ".lua");
    failed = make_parents(target);
    if (!failed)
        failed = copy(source, target);
    if (failed) {
        fprintf(stderr, "%s: cannot write %s: %s%s\n", program, target, strerror(-failed),
                failed == -EEXIST ? "; it is left as it is" : "");
        return failed == -EEXIST ? 6 : 1;
    }
    printf("%s is yours to edit\n", target);
    return 0;
}
