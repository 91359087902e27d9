#include "repl.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "run.h"

/* Pushes the next line without its end; 0 at the end of input. */
static int read_line(lua_State *L, const char *prompt) {
    char line[4096];
    size_t length;
    fputs(prompt, stdout);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 0;
    length = strlen(line);
    if (length && line[length - 1] == '\n')
        line[--length] = '\0';
    lua_pushlstring(L, line, length);
    return 1;
}

/* An unfinished statement ends in <eof> in the compiler's message. */
static int incomplete(lua_State *L, int status) {
    size_t length;
    const char *message;
    if (status != LUA_ERRSYNTAX)
        return 0;
    message = lua_tolstring(L, -1, &length);
    return length >= 5 && strcmp(message + length - 5, "<eof>") == 0;
}

static const char *prompt(lua_State *L, int first) {
    const char *text;
    lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2");
    text = lua_isnil(L, -1) ? (first ? "> " : ">> ") : luaL_tolstring(L, -1, NULL);
    return text; /* anchored on the stack until the line is read */
}

/* The line as an expression, else as a statement that may go on over more lines. */
static int load_statement(lua_State *L) {
    int status;
    lua_pushfstring(L, "return %s", lua_tostring(L, 1));
    status = luaL_loadstring(L, lua_tostring(L, -1));
    if (status == LUA_OK)
        return status;
    for (;;) {
        size_t length;
        const char *text = lua_tolstring(L, 1, &length);
        lua_settop(L, 1);
        status = luaL_loadbuffer(L, text, length, "=stdin");
        if (!incomplete(L, status))
            return status;
        if (!read_line(L, prompt(L, 0)))
            return status;
        lua_replace(L, 2);
        lua_settop(L, 2);
        lua_pushliteral(L, "\n");
        lua_insert(L, 2);
        lua_concat(L, 3);
    }
}

static void print_results(lua_State *L) {
    int count = lua_gettop(L);
    if (!count)
        return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, 1);
    if (lua_pcall(L, count, 0, 0) != LUA_OK)
        fprintf(stderr, "error calling 'print' (%s)\n", luaL_tolstring(L, -1, NULL));
}

void aci_repl(lua_State *L) {
    for (;;) {
        int status;
        lua_settop(L, 0);
        if (!read_line(L, prompt(L, 1)))
            break;
        lua_replace(L, 1);
        lua_settop(L, 1);
        status = load_statement(L);
        lua_replace(L, 1);
        lua_settop(L, 1);
        if (status == LUA_OK)
            status = aci_call(L, 0, LUA_MULTRET);
        if (status == LUA_OK)
            print_results(L);
        else
            aci_report(L, "acihost");
    }
    lua_settop(L, 0);
    fputc('\n', stdout);
}
