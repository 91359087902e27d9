/* aci.clock: what time it is, and moments as text. A moment is a number: seconds since 1970, UTC.
 *
 *    print(clock.iso(clock.now() + 3600))   --> 2026-11-24T02:02:03.123456Z */
#include "bindings.h"
#include "glue.h"

#include "core/datetime.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static lua_Number read_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9;
}

/* clock.now() -> wall seconds */
static int clock_now(lua_State *L) {
    lua_pushnumber(L, read_clock(CLOCK_REALTIME));
    return 1;
}

/* clock.monotonic() -> seconds that never go back; only differences mean something */
static int clock_monotonic(lua_State *L) {
    lua_pushnumber(L, read_clock(CLOCK_MONOTONIC));
    return 1;
}

static lua_Number opt_moment(lua_State *L, int index) {
    return lua_isnoneornil(L, index) ? read_clock(CLOCK_REALTIME) : luaL_checknumber(L, index);
}

/* clock.iso([t [, digits]]) -> string */
static int clock_iso(lua_State *L) {
    lua_Number when = opt_moment(L, 1);
    lua_Integer digits = luaL_optinteger(L, 2, 6);
    char text[ACI_DATETIME_ROOM];
    luaL_argcheck(L, digits >= 0 && digits <= 9, 2, "0 to 9 decimals");
    luaL_argcheck(L, aci_datetime_iso(when, (int)digits, text), 1,
                  "not a moment in years 0 to 9999");
    lua_pushstring(L, text);
    return 1;
}

/* clock.http_date([t]) -> string */
static int clock_http_date(lua_State *L) {
    char text[ACI_DATETIME_ROOM];
    luaL_argcheck(L, aci_datetime_http(opt_moment(L, 1), text), 1,
                  "not a moment in years 0 to 9999");
    lua_pushstring(L, text);
    return 1;
}

static int tell(lua_State *L, bool good, double when, const char *kind_of_text) {
    if (!good) {
        const char *message =
            lua_pushfstring(L, "not %s: '%s'", kind_of_text, luaL_tolstring(L, 1, NULL));
        return aci_fail(L, "invalid", NULL, message);
    }
    lua_pushnumber(L, when);
    return 1;
}

/* clock.parse_iso(text) -> t | nil, err */
static int clock_parse_iso(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    double when = 0;
    bool good = strlen(text) == length && aci_datetime_parse_iso(text, &when);
    return tell(L, good, when, "an ISO 8601 time");
}

/* clock.parse_http_date(text) -> t | nil, err */
static int clock_parse_http_date(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    double when = 0;
    bool good = strlen(text) == length && aci_datetime_parse_http(text, &when);
    return tell(L, good, when, "an HTTP date");
}

int luaopen_aci_clock(lua_State *L) {
    static const luaL_Reg functions[] = {{"now", clock_now},
                                         {"monotonic", clock_monotonic},
                                         {"iso", clock_iso},
                                         {"parse_iso", clock_parse_iso},
                                         {"http_date", clock_http_date},
                                         {"parse_http_date", clock_parse_http_date},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
