/* acihost: lua 5.4 with Azure and Prefect in it. The options before the script are lua's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "bindings.h"
#include "core/launch.h"
#include "find.h"
#include "repl.h"
#include "run.h"
#include "state.h"

struct arguments {
    int count;
    char **values;
    int script; /* index of the script in values; 0: none */
    int interactive, version, no_environment, execute, stdin_script;
    const char *bad;
};

static const char *program = "acihost";

static void usage(const char *bad) {
    fprintf(stderr, "%s: ", program);
    if (bad[1] == 'e' || bad[1] == 'l')
        fprintf(stderr, "'%s' needs argument\n", bad);
    else
        fprintf(stderr, "unrecognized option '%s'\n", bad);
    fprintf(stderr,
            "usage: %s [options] [script [args]]\n"
            "Available options are:\n"
            "  -e stat   execute string 'stat'\n"
            "  -i        enter interactive mode after executing 'script'\n"
            "  -l mod    require library 'mod' into global 'mod'\n"
            "  -l g=mod  require library 'mod' into global 'g'\n"
            "  -v        show version information\n"
            "  -E        ignore environment variables\n"
            "  -W        turn warnings on\n"
            "  --        stop handling options\n"
            "  -         stop handling options and execute stdin\n"
            "  --eject NAME  copy a script or step (as setup, steps/storage) out for editing\n",
            program);
}

/* -e and -l take the rest of the word or the next one. False when there is none. */
static int takes_value(struct arguments *a, int *i) {
    if (a->values[*i][2] != '\0')
        return 1;
    ++*i;
    return a->values[*i] && a->values[*i][0] != '-';
}

/* One option word; returns 0 at a bad one. */
static int collect_option(struct arguments *a, int *i) {
    const char *word = a->values[*i];
    switch (word[1]) {
    case 'E':
        a->no_environment = 1;
        return word[2] == '\0';
    case 'W':
        return word[2] == '\0';
    case 'i':
        a->interactive = 1;
        a->version = 1;
        return word[2] == '\0';
    case 'v':
        a->version = 1;
        return word[2] == '\0';
    case 'e':
        a->execute = 1;
        return takes_value(a, i);
    case 'l':
        return takes_value(a, i);
    default:
        return 0;
    }
}

static void collect(struct arguments *a) {
    int i;
    for (i = 1; a->values[i] && a->values[i][0] == '-'; i++) {
        const char *word = a->values[i];
        int start = i;
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (word[1] == '\0') {
            a->stdin_script = 1;
            break;
        }
        if (!collect_option(a, &i)) {
            a->bad = a->values[start];
            return;
        }
    }
    a->script = i < a->count && a->values[i] ? i : 0;
}

/* ---- before the script: LUA_INIT, -e, -l, -W ---- */

static int run_string(lua_State *L, const char *text, const char *name) {
    int status = luaL_loadbuffer(L, text, strlen(text), name);
    return status == LUA_OK ? aci_call(L, 0, 0) : status;
}

static int run_init(lua_State *L) {
    const char *name = "=LUA_INIT_5_4";
    const char *text = getenv(name + 1);
    if (!text)
        text = getenv((name = "=LUA_INIT") + 1);
    if (!text)
        return LUA_OK;
    if (text[0] != '@')
        return run_string(L, text, name);
    int status = luaL_loadfile(L, text + 1);
    return status == LUA_OK ? aci_call(L, 0, 0) : status;
}

/* -l mod or -l name=mod */
static int require_library(lua_State *L, const char *word) {
    const char *equals = strchr(word, '=');
    int status;
    if (equals)
        lua_pushlstring(L, word, (size_t)(equals - word));
    else
        lua_pushstring(L, word);
    lua_getglobal(L, "require");
    lua_pushstring(L, equals ? equals + 1 : word);
    status = aci_call(L, 1, 1);
    if (status == LUA_OK)
        lua_setglobal(L, lua_tostring(L, -2));
    else
        lua_insert(L, -2);
    lua_pop(L, 1);
    return status;
}

static int run_options(lua_State *L, struct arguments *a) {
    int end = a->script ? a->script : a->count;
    for (int i = 1; i < end; i++) {
        char kind = a->values[i][1];
        int status = LUA_OK;
        if (a->values[i][0] != '-' || strcmp(a->values[i], "--") == 0)
            break;
        if (kind == 'W')
            lua_warning(L, "@on", 0);
        if (kind != 'e' && kind != 'l')
            continue;
        const char *value = a->values[i][2] ? a->values[i] + 2 : a->values[++i];
        status = kind == 'e' ? run_string(L, value, "=(command line)") : require_library(L, value);
        if (status != LUA_OK)
            return status;
    }
    return LUA_OK;
}

/* ---- the script ---- */

static void push_arg_table(lua_State *L, struct arguments *a) {
    int script = a->script ? a->script : a->count;
    if (!a->script)
        script = 0; /* as in lua: without a script, arg[0] is the program */
    lua_createtable(L, a->count, script + 1);
    for (int i = 0; i < a->count; i++) {
        lua_pushstring(L, a->values[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");
}

static int run_script(lua_State *L, struct arguments *a) {
    const char *path = NULL;
    int status, count;
    if (strcmp(a->values[a->script], "-") != 0 || strcmp(a->values[a->script - 1], "--") == 0) {
        path = aci_script_find(L, a->values[a->script]);
        aci_script_path(L, path);
    }
    lua_settop(L, path ? lua_gettop(L) : 0);
    status = luaL_loadfile(L, path);
    if (status != LUA_OK)
        return status;
    lua_getglobal(L, "arg");
    count = lua_istable(L, -1) ? (int)luaL_len(L, -1) : 0;
    luaL_checkstack(L, count + 3, "too many arguments to script");
    int table = lua_gettop(L);
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return aci_call(L, count, LUA_MULTRET);
}

static void print_version(void) {
    printf("%s\nacihost %s\n", LUA_COPYRIGHT, ACI_VERSION);
    fflush(stdout);
}

static int run_rest(lua_State *L, struct arguments *a) {
    int status = a->script ? run_script(L, a) : LUA_OK;
    if (status != LUA_OK)
        return status;
    if (a->interactive) {
        aci_repl(L);
    } else if (!a->script && !a->execute && !a->version) {
        if (isatty(STDIN_FILENO)) {
            print_version();
            aci_repl(L);
        } else {
            status = luaL_loadfile(L, NULL);
            if (status == LUA_OK)
                status = aci_call(L, 0, 0);
        }
    }
    return status;
}

/* Everything happens inside this one protected function; returns the exit code. */
static int protected_main(lua_State *L) {
    struct arguments *a = lua_touserdata(L, 1);
    int status;
    if (a->count > 2 && strcmp(a->values[1], "--eject") == 0) {
        lua_pushinteger(L, aci_eject(L, program, a->values[2]));
        return 1;
    }
    collect(a);
    if (a->bad) {
        usage(a->bad);
        lua_pushinteger(L, 1);
        return 1;
    }
    if (a->version)
        print_version();
    aci_state_open(L, a->no_environment);
    push_arg_table(L, a);
    lua_gc(L, LUA_GCGEN, 0, 0);
    aci_script_path(L, NULL);
    status = a->no_environment ? LUA_OK : run_init(L);
    if (status == LUA_OK)
        status = run_options(L, a);
    if (status == LUA_OK)
        status = run_rest(L, a);
    int code = status == LUA_OK ? 0 : aci_report(L, program);
    aci_tasks_cancel_all(L);
    lua_pushinteger(L, code);
    return 1;
}

static int panic(lua_State *L) {
    fprintf(stderr, "acihost: unprotected error, a bug in acihost: %s\n", lua_tostring(L, -1));
    return 0;
}

int main(int argc, char **argv) {
    struct arguments a = {.count = argc, .values = argv};
    lua_State *L = luaL_newstate();
    int code = 1;
    if (!L) {
        fprintf(stderr, "acihost: cannot create state: not enough memory\n");
        return 1;
    }
    lua_atpanic(L, panic);
    signal(SIGPIPE, SIG_IGN);
    aci_raise_descriptor_limit();
    if (argv[0] && argv[0][0])
        program = argv[0];
    lua_pushcfunction(L, protected_main);
    lua_pushlightuserdata(L, &a);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        code = (int)lua_tointeger(L, -1);
    else
        aci_report(L, program);
    lua_close(L);
    return code;
}
