#include "spawn_options.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "glue.h"

#include "core/processes.h"

/* -- reading the options: checks that raise come first, then the launch is filled ---------------
 */

static const char *const spawn_names[] = {"args",   "env",          "cwd",  "stdin",  "stdout",
                                          "stderr", "input",        "keep", "detach", "group",
                                          "buffer", "parent_death", NULL};

static void bad_option(lua_State *L, const char *name, const char *wanted) {
    luaL_error(L, "option '%s' must be %s", name, wanted);
}

static bool is_text(lua_State *L, int index) {
    size_t length;
    if (lua_type(L, index) != LUA_TSTRING)
        return false;
    const char *text = lua_tolstring(L, index, &length);
    return strlen(text) == length;
}

static void check_args(lua_State *L, int options) {
    if (lua_getfield(L, options, "args") != LUA_TTABLE || lua_rawlen(L, -1) == 0)
        bad_option(L, "args", "a list of strings, the program first");
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        if (!is_text(L, -1))
            bad_option(L, "args", "a list of strings without zero bytes");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void check_variable(lua_State *L) {
    size_t length;
    const char *value = aci_secret_test(L, -1, &length);
    bool good = is_text(L, -2) && !strchr(lua_tostring(L, -2), '=');
    good = good && (value ? strlen(value) == length : is_text(L, -1));
    if (!good)
        bad_option(L, "env", "a table of names with strings or secrets, without zero bytes");
}

static void check_env(lua_State *L, int options) {
    int kind = lua_getfield(L, options, "env");
    if (kind != LUA_TNIL && kind != LUA_TTABLE)
        bad_option(L, "env", "a table");
    if (kind == LUA_TTABLE)
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
            check_variable(L);
    lua_pop(L, 1);
}

/* "pipe" and the like, or {file = path}. */
static void check_stream(lua_State *L, int options, const char *name, const char *const *words) {
    int kind = lua_getfield(L, options, name);
    if (kind == LUA_TTABLE) {
        static const char *const keys[] = {"file", NULL};
        aci_options_check(L, -1, keys);
        if (!aci_opt_string(L, -1, "file", NULL))
            bad_option(L, name, "a word or { file = path }");
    } else if (kind == LUA_TSTRING) {
        const char *word = lua_tostring(L, -1);
        while (*words && strcmp(*words, word) != 0)
            words++;
        if (!*words)
            luaL_error(L, "option '%s' cannot be '%s'", name, word);
    } else if (kind != LUA_TNIL) {
        bad_option(L, name, "a word or { file = path }");
    }
    lua_pop(L, 1);
}

static void check_streams(lua_State *L, int options) {
    static const char *const in[] = {"null", "inherit", NULL};
    static const char *const out[] = {"pipe", "inherit", "null", NULL};
    static const char *const err[] = {"pipe", "inherit", "null", "stdout", NULL};
    check_stream(L, options, "stdin", in);
    check_stream(L, options, "stdout", out);
    check_stream(L, options, "stderr", err);
    if (lua_getfield(L, options, "input") != LUA_TNIL)
        aci_bytes(L, -1, NULL);
    lua_pop(L, 1);
}

/* A list of descriptor numbers, or of things with a fileno method. */
static void check_keep(lua_State *L, int options) {
    int kind = lua_getfield(L, options, "keep");
    if (kind != LUA_TNIL && kind != LUA_TTABLE)
        bad_option(L, "keep", "a list");
    if (kind == LUA_TTABLE && lua_rawlen(L, -1) > ACI_KEEP_MOST)
        bad_option(L, "keep", "a short list");
    lua_pop(L, 1);
}

void spawn_check(lua_State *L, int options) {
    aci_options_check(L, options, spawn_names);
    check_args(L, options);
    check_env(L, options);
    check_streams(L, options);
    check_keep(L, options);
    aci_opt_string(L, options, "cwd", NULL);
    aci_opt_boolean(L, options, "detach", false);
    aci_opt_boolean(L, options, "group", true);
    if (aci_opt_integer(L, options, "buffer", SPAWN_BUFFER) < 1)
        bad_option(L, "buffer", "at least 1");
}

/* -- filling the launch: it is guarded, so raising is safe --------------------------------------
 */

static void need(lua_State *L, int status) {
    if (status < 0)
        luaL_error(L, "cannot prepare a process: %s", strerror(-status));
}

static void fill_args(lua_State *L, int options, aci_launch *launch) {
    lua_getfield(L, options, "args");
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        need(L, aci_launch_argument(launch, lua_tostring(L, -1)));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void fill_env(lua_State *L, int options, aci_launch *launch) {
    launch->own_environment = lua_getfield(L, options, "env") == LUA_TTABLE;
    if (launch->own_environment) {
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            size_t length;
            const char *value = aci_bytes(L, -1, &length);
            need(L, aci_launch_variable(launch, lua_tostring(L, -2), value, length));
        }
    }
    lua_pop(L, 1);
}

static void fill_keep(lua_State *L, int options, aci_launch *launch) {
    if (lua_getfield(L, options, "keep") == LUA_TTABLE) {
        for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
            lua_rawgeti(L, -1, i);
            if (!lua_isinteger(L, -1)) {
                lua_getfield(L, -1, "fileno");
                lua_pushvalue(L, -2);
                lua_call(L, 1, 1);
                lua_replace(L, -2);
            }
            launch->keep[launch->keep_count++] = (int)luaL_checkinteger(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static int death_signal(lua_State *L) {
    int number = lua_type(L, -1) == LUA_TSTRING ? aci_signal_number(lua_tostring(L, -1)) : 0;
    if (!number)
        bad_option(L, "parent_death", "the name of a signal");
    return number;
}

/* A program that shares our terminal must be in its foreground group, or reading stops it. */
static bool shares_terminal(lua_State *L, int options) {
    bool shares = lua_getfield(L, options, "stdin") == LUA_TSTRING &&
                  strcmp(lua_tostring(L, -1), "inherit") == 0;
    lua_pop(L, 1);
    return shares;
}

void spawn_fill(lua_State *L, int options, aci_launch *launch) {
    const char *folder = aci_opt_string(L, options, "cwd", NULL);
    fill_args(L, options, launch);
    fill_env(L, options, launch);
    fill_keep(L, options, launch);
    if (folder)
        need(L, aci_launch_folder(launch, folder));
    launch->session = aci_opt_boolean(L, options, "detach", false);
    launch->group = aci_opt_boolean(L, options, "group", !shares_terminal(L, options));
    if (lua_getfield(L, options, "parent_death") != LUA_TNIL)
        launch->parent_death = death_signal(L);
    lua_pop(L, 1);
}

static int fill_word(aci_launch *launch, int number, const char *word) {
    if (strcmp(word, "pipe") == 0)
        return aci_launch_pipe(launch, number);
    if (strcmp(word, "inherit") == 0)
        return aci_launch_inherit(launch, number);
    return strcmp(word, "stdout") == 0 ? aci_launch_same(launch) : 0;
}

/* 0 or a negative errno: a file may be impossible to open. */
static int fill_stream(lua_State *L, int options, aci_launch *launch, int number) {
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    const char *otherwise = number == 0 || launch->session ? "null" : "inherit";
    int status, kind = lua_getfield(L, options, names[number]);
    if (kind == LUA_TTABLE) {
        launch->failed_at = aci_opt_string(L, -1, "file", NULL);
        status = aci_launch_file(launch, number, launch->failed_at);
    } else {
        status = fill_word(launch, number, kind == LUA_TSTRING ? lua_tostring(L, -1) : otherwise);
    }
    lua_pop(L, 1);
    return status;
}

int spawn_fill_streams(lua_State *L, int options, aci_launch *launch) {
    int status = 0;
    for (int number = 0; status == 0 && number < ACI_STREAMS; number++)
        status = fill_stream(L, options, launch, number);
    if (status == 0 && lua_getfield(L, options, "input") != LUA_TNIL) {
        size_t length;
        const char *bytes = aci_bytes(L, -1, &length);
        status = aci_launch_bytes(launch, 0, bytes, length);
    }
    return status;
}

int spawn_signal(lua_State *L, int index) {
    if (lua_isinteger(L, index)) {
        lua_Integer number = lua_tointeger(L, index);
        luaL_argcheck(L, number >= 0 && number < NSIG, index, "not a signal");
        return (int)number;
    }
    const char *name = luaL_checkstring(L, index);
    int number = aci_signal_number(name);
    luaL_argcheck(L, number > 0, index, lua_pushfstring(L, "unknown signal '%s'", name));
    return number;
}
