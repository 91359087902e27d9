/* aci._term: the C half of aci.term: is there a terminal, how wide, and a line typed on it. */
#include "bindings.h"
#include "glue.h"

#include "core/terminal.h"

#include <unistd.h>

#define LINE_TYPE "aci.term.line"

static const char *const stream_names[] = {"stdin", "stdout", "stderr", NULL};

/* term.isatty([stream]) -> boolean */
static int term_isatty(lua_State *L) {
    lua_pushboolean(L, isatty(luaL_checkoption(L, 1, "stdout", stream_names)));
    return 1;
}

/* term.width([stream]) -> columns | nil */
static int term_width(lua_State *L) {
    int width = aci_terminal_width(luaL_checkoption(L, 1, "stdout", stream_names));
    if (width <= 0)
        return 0;
    lua_pushinteger(L, width);
    return 1;
}

/* term.line(echo) -> line (a waitable) | nil, err */
static int term_line(lua_State *L) {
    bool echo = lua_toboolean(L, 1);
    aci_line *line = aci_waitable_new(L, sizeof *line, LINE_TYPE, 0);
    int status = aci_line_begin(line, echo);
    return status < 0 ? aci_fail_errno(L, "cannot read from", "the terminal", -status) : 1;
}

/* line:take([as_secret]) -> text | nil: the end of input */
static int line_take(lua_State *L) {
    aci_line *line = luaL_checkudata(L, 1, LINE_TYPE);
    luaL_argcheck(L, line->come, 1, "no line has come yet");
    if (line->ended)
        return 0;
    if (lua_toboolean(L, 2))
        aci_secret_push(L, line->text, line->length);
    else
        lua_pushlstring(L, line->text, line->length);
    return 1;
}

static int line_close(lua_State *L) {
    aci_line *line = luaL_checkudata(L, 1, LINE_TYPE);
    aci_line_end(line);
    aci_wait_forget(&line->wait);
    return 0;
}

int luaopen_aci_term(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"isatty", term_isatty}, {"width", term_width}, {"line", term_line}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"take", line_take}, {NULL, NULL}};
    aci_waitable_type(L, LINE_TYPE, methods, line_close);
    luaL_newlib(L, functions);
    return 1;
}
