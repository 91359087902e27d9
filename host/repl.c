/* Read, evaluate, print. What is said and shown is in bindings/lua/aci/repl; here is the order of
 * things, as in lua, so that a chunk runs on the main state with nothing of ours below it. */
#include "repl.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "bindings.h"
#include "line.h"
#include "run.h"

#define HALF "acihost.repl" /* the Lua half, in the registry */

static bool terminal;

/* Calls the Lua half's function with the values above `base`; false (and nothing left) when it
 * fails, which must not end the session. */
static bool call_half(lua_State *L, const char *name, int base, int results) {
    luaL_checkstack(L, 4, NULL);
    if (lua_getfield(L, LUA_REGISTRYINDEX, HALF) != LUA_TTABLE) {
        lua_settop(L, base);
        return false;
    }
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
    lua_insert(L, base + 1);
    if (lua_pcall(L, lua_gettop(L) - base - 1, results, 0) == LUA_OK)
        return true;
    fprintf(stderr, "acihost: %s: %s\n", name, luaL_tolstring(L, -1, NULL));
    lua_settop(L, base);
    return false;
}

static void complete(lua_State *L) {
    int base = lua_gettop(L) - 1;
    if (!call_half(L, "complete", base, 2))
        lua_settop(L, base + 2);
}

static void load_half(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "aci.repl");
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
        lua_setfield(L, LUA_REGISTRYINDEX, HALF);
    } else {
        fprintf(stderr, "acihost: %s\n", luaL_tolstring(L, -1, NULL));
        lua_pop(L, 2);
    }
}

static void remember_all(lua_State *L) {
    for (lua_Integer i = 1, last = (lua_Integer)lua_rawlen(L, -1); i <= last; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_isstring(L, -1))
            aci_line_remember(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* ---- read ---- */

static const char *prompt(lua_State *L, bool first) {
    const char *text = first ? "> " : ">> ";
    if (lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") != LUA_TNIL)
        text = luaL_tolstring(L, -1, NULL); /* anchored on the stack until the line is read */
    return text;
}

/* Pushes the next line. */
static aci_line_result next_line(lua_State *L, bool first) {
    int top = lua_gettop(L);
    aci_line_result result = aci_line_read(L, prompt(L, first));
    if (result == ACI_LINE_TEXT) {
        lua_replace(L, top + 1);
        top++;
    }
    lua_settop(L, top);
    return result;
}

/* An unfinished statement ends in <eof> in the compiler's message. */
static bool incomplete(lua_State *L, int status) {
    size_t length;
    const char *message;
    if (status != LUA_ERRSYNTAX)
        return false;
    message = lua_tolstring(L, -1, &length);
    return length >= 5 && strcmp(message + length - 5, "<eof>") == 0;
}

/* The line at index 1 as an expression; nothing is left when it is none. */
static bool load_expression(lua_State *L) {
    size_t length;
    const char *text;
    lua_pushliteral(L, "return ");
    lua_pushvalue(L, 1);
    lua_pushliteral(L, ";");
    lua_concat(L, 3);
    text = lua_tolstring(L, -1, &length);
    if (luaL_loadbuffer(L, text, length, "=stdin") == LUA_OK) {
        lua_remove(L, -2);
        return true;
    }
    lua_settop(L, 1);
    return false;
}

/* Is the text at index 1 an expression that goes on? lua calls that an error; a person types it. */
static bool open_expression(lua_State *L) {
    int top = lua_gettop(L);
    size_t length;
    const char *text;
    bool open;
    lua_pushliteral(L, "return ");
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
    text = lua_tolstring(L, -1, &length);
    open = incomplete(L, luaL_loadbuffer(L, text, length, "=stdin"));
    lua_settop(L, top);
    return open;
}

/* Appends the next line to the text at index 1, the only value that stays. */
static aci_line_result go_on(lua_State *L) {
    aci_line_result result = next_line(L, false);
    if (result != ACI_LINE_TEXT)
        return result;
    lua_replace(L, 2);
    lua_settop(L, 2);
    lua_pushliteral(L, "\n");
    lua_insert(L, 2);
    lua_concat(L, 3);
    return result;
}

/* The text at index 1 as a statement, which may go on over more lines; on a terminal an expression
 * may as well. */
static int load_statement(lua_State *L, aci_line_result *result) {
    for (;;) {
        size_t length;
        const char *text = lua_tolstring(L, 1, &length);
        int status = luaL_loadbuffer(L, text, length, "=stdin");
        if (!incomplete(L, status) && !(terminal && status != LUA_OK && open_expression(L)))
            return status;
        *result = go_on(L);
        if (*result != ACI_LINE_TEXT || (terminal && load_expression(L)))
            return *result == ACI_LINE_TEXT ? LUA_OK : status;
    }
}

/* Leaves text and chunk (or the message why there is none) on the stack. */
static int load_input(lua_State *L, aci_line_result *result) {
    const char *text;
    *result = next_line(L, true);
    if (*result != ACI_LINE_TEXT)
        return LUA_OK;
    text = lua_tostring(L, 1);
    if (text[0] == '=') { /* as in Lua 5.1, and still in lua 5.4 */
        lua_pushfstring(L, "return %s", text + 1);
        lua_replace(L, 1);
    }
    return load_expression(L) ? LUA_OK : load_statement(L, result);
}

/* Index 1: the text. What may be kept of it goes to the history. */
static void remember(lua_State *L) {
    int base = lua_gettop(L);
    if (!terminal)
        return;
    lua_pushvalue(L, 1);
    if (call_half(L, "keep", base, 1))
        remember_all(L);
}

/* ---- print ---- */

static bool has_plain_table(lua_State *L) {
    for (int i = lua_gettop(L); i > 0; i--) {
        if (!lua_istable(L, i))
            continue;
        if (!luaL_getmetafield(L, i, "__tostring"))
            return true;
        lua_pop(L, 1);
    }
    return false;
}

/* A person, or whoever gets a table, sees what is in it; else as lua: by the global print. */
static void print_results(lua_State *L) {
    int count = lua_gettop(L);
    if (!count)
        return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    if (terminal || has_plain_table(L)) {
        call_half(L, "show", 0, 0);
        return;
    }
    lua_getglobal(L, "print");
    lua_insert(L, 1);
    if (lua_pcall(L, count, 0, 0) == LUA_OK)
        return;
    lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1));
    aci_report(L, NULL);
}

static void report(lua_State *L) {
    int base = lua_gettop(L) - 1;
    if (terminal && lua_type(L, -1) == LUA_TSTRING && !call_half(L, "trim", base, 1))
        return;
    aci_report(L, NULL);
}

/* ---- the loop ---- */

/* One statement; false at the end of input. */
static bool turn(lua_State *L) {
    aci_line_result result;
    int status;
    lua_settop(L, 0);
    aci_interrupt_listen(); /* a press ended the last chunk, not the session */
    status = load_input(L, &result);
    if (result == ACI_LINE_INTERRUPTED) {
        fputc('\n', stdout);
        return true;
    }
    if (result == ACI_LINE_END && !lua_gettop(L))
        return false;
    remember(L);
    lua_remove(L, 1);
    if (status == LUA_OK)
        status = aci_call(L, 0, LUA_MULTRET);
    if (status == LUA_OK)
        print_results(L);
    else
        report(L);
    return true;
}

void aci_repl(lua_State *L) {
    terminal = aci_line_open(L, complete);
    load_half(L);
    lua_settop(L, 0);
    lua_pushboolean(L, terminal);
    if (call_half(L, "start", 0, 1))
        remember_all(L);
    while (turn(L))
        ;
    aci_line_close();
    lua_settop(L, 0);
    fputc('\n', stdout);
    fflush(stdout);
}
