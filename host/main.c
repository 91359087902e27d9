/* acihost: lua 5.4 with Azure and Prefect in it. The options before the script are lua's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "bindings.h"
#include "core/launch.h"
#include "core/standard.h"
#include "find.h"
#include "options.h"
#include "repl.h"
#include "run.h"
#include "state.h"

static const char *program = "acihost";

/* ---- before the script: LUA_INIT, -e, -l, -W ---- */

static int run_string(lua_State *L, const char *text, const char *name) {
    int status = luaL_loadbuffer(L, text, strlen(text), name);
    return status == LUA_OK ? aci_call(L, 0, 0) : status;
}

static int run_file(lua_State *L, const char *path) {
    int status = luaL_loadfile(L, path);
    return status == LUA_OK ? aci_call(L, 0, 0) : status;
}

static int run_init(lua_State *L) {
    const char *name = "=LUA_INIT_5_4";
    const char *text = getenv(name + 1);
    if (!text)
        text = getenv((name = "=LUA_INIT") + 1);
    if (!text)
        return LUA_OK;
    return text[0] == '@' ? run_file(L, text + 1) : run_string(L, text, name);
}

/* -l mod or -l name=mod */
static int require_library(lua_State *L, const char *word) {
    const char *equals = strchr(word, '=');
    int status;
    lua_pushlstring(L, word, equals ? (size_t)(equals - word) : strlen(word));
    lua_getglobal(L, "require");
    lua_pushstring(L, equals ? equals + 1 : word);
    status = aci_call(L, 1, 1);
    if (status == LUA_OK)
        lua_setglobal(L, lua_tostring(L, -2));
    return status;
}

static int run_options(lua_State *L, const aci_options *options) {
    int status = LUA_OK;
    for (int i = 1; i < options->script && status == LUA_OK; i++) {
        const char *word = options->words[i];
        if (word[1] == 'W')
            lua_warning(L, "@on", 0);
        if (word[1] != 'e' && word[1] != 'l')
            continue;
        const char *value = word[2] ? word + 2 : options->words[++i];
        if (word[1] == 'e')
            status = run_string(L, value, "=(command line)");
        else
            status = require_library(L, value);
    }
    return status;
}

/* ---- the script ---- */

/* Pushes what the script gets as `...`: the elements of `arg`, which it may have changed. */
static int push_arguments(lua_State *L) {
    int table = lua_gettop(L) + 1, count;
    if (lua_getglobal(L, "arg") != LUA_TTABLE)
        luaL_error(L, "'arg' is not a table");
    count = (int)luaL_len(L, table);
    luaL_checkstack(L, count + 3, "too many arguments to script");
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return count;
}

/* A name without a file: adds the script of ours that was probably meant to lua's own message. */
static void tell_near(lua_State *L, const char *typed) {
    const char *near = aci_script_near(L, typed);
    if (near)
        lua_pushfstring(L, "%s (did you mean %s.lua?)", lua_tostring(L, -2), near);
    else
        lua_pop(L, 1);
}

static int run_script(lua_State *L, const aci_options *options) {
    const char *name = options->words[options->script];
    bool input = strcmp(name, "-") == 0 && strcmp(options->words[options->script - 1], "--") != 0;
    int status;
    if (!input) {
        bool bare = !strchr(name, '/');
        name = aci_script_find(L, name); /* anchored below what follows */
        aci_scripts_path(L, name, bare && *name == '/');
    }
    status = luaL_loadfile(L, input ? NULL : name);
    if (status == LUA_ERRFILE && !input && !strchr(name, '/') && access(name, F_OK) != 0)
        tell_near(L, name);
    if (status != LUA_OK)
        return status;
    return aci_call(L, push_arguments(L), LUA_MULTRET);
}

static void print_version(void) {
    printf("%s\nacihost %s\n", LUA_COPYRIGHT, ACI_VERSION);
    fflush(stdout);
}

/* Standard input as a file. lua says what went wrong and exits with 0 all the same, so an error of
 * Lua's does here; one of the world's keeps its code. */
static int run_input(lua_State *L) {
    int status = run_file(L, NULL);
    if (status == LUA_OK || aci_error_is(L, -1) || aci_interrupted())
        return status;
    aci_report(L, program);
    return LUA_OK;
}

/* The script, then what is interactive. */
static int run_rest(lua_State *L, const aci_options *options) {
    bool script = options->script < options->count;
    int status = script ? run_script(L, options) : LUA_OK;
    if (status != LUA_OK)
        return status;
    if (options->interactive) {
        aci_repl(L);
    } else if (!script && !options->execute && !options->version) {
        if (!isatty(STDIN_FILENO))
            return run_input(L);
        print_version();
        aci_repl(L);
    }
    return LUA_OK;
}

/* Everything happens inside this one protected function; returns the exit code. */
static int run_all(lua_State *L, aci_options *options) {
    int status, code;
    aci_options_read(options);
    if (options->bad) {
        aci_options_usage(program, options->bad);
        return 1;
    }
    if (options->version)
        print_version();
    aci_state_open(L, options->no_environment);
    aci_options_arg(L, options);
    lua_gc(L, LUA_GCGEN, 0, 0);
    aci_scripts_path(L, NULL, false);
    status = options->no_environment ? LUA_OK : run_init(L);
    if (status == LUA_OK)
        status = run_options(L, options);
    if (status == LUA_OK)
        status = run_rest(L, options);
    code = status == LUA_OK ? 0 : aci_report(L, program);
    aci_tasks_cancel_all(L);
    return code;
}

static int protected_main(lua_State *L) {
    aci_options *options = lua_touserdata(L, 1);
    const char *first = options->count > 1 ? options->words[1] : "";
    int code = 0;
    if (options->count > 2 && strcmp(first, "--eject") == 0)
        code = aci_eject(L, program, options->words[2]);
    else if (strcmp(first, "--help") == 0)
        aci_options_help(program);
    else
        code = run_all(L, options);
    lua_pushinteger(L, code);
    return 1;
}

int main(int argc, char **argv) {
    aci_options options = {.count = argc, .words = argv};
    lua_State *L = luaL_newstate();
    int code = 1;
    if (argv[0] && argv[0][0])
        program = argv[0];
    if (!L) {
        fprintf(stderr, "%s: cannot create state: not enough memory\n", program);
        return 1;
    }
    aci_standard_reserve();
    aci_pipe_signal();
    aci_output_watch(program);
    aci_raise_descriptor_limit();
    lua_pushcfunction(L, protected_main);
    lua_pushlightuserdata(L, &options);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        code = (int)lua_tointeger(L, -1);
    else
        code = aci_report(L, program);
    lua_close(L);
    return code;
}
