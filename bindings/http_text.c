/* The small functions of aci._http: URLs as text, challenges, and the arithmetic of another try. */
#include "core/challenge.h"
#include "core/fault.h"
#include "core/retry.h"
#include "core/encode.h"
#include "core/url.h"
#include "glue.h"
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ---- URLs ---- */

typedef struct text {
    const char *bytes;
    size_t length;
    bool secret;
} text;

static text check_text(lua_State *L, int index) {
    text read;
    read.secret = aci_secret_test(L, index, NULL) != NULL;
    read.bytes = aci_bytes(L, index, &read.length);
    return read;
}

static void wipe_and_free(void *thing) {
    explicit_bzero(thing, strlen(thing));
    free(thing);
}

static int push_text(lua_State *L, const char *bytes, size_t length, bool secret) {
    if (secret)
        aci_secret_push(L, bytes, length);
    else
        lua_pushlstring(L, bytes, length);
    return 1;
}

/* escape(text [, keep]) -> text, or a secret for a secret */
static int http_escape(lua_State *L) {
    text read = check_text(L, 1);
    const char *keep = luaL_optstring(L, 2, NULL);
    void **guard = aci_guard(L, wipe_and_free);
    char *out = malloc(read.length * 3 + 1);
    if (!out)
        return luaL_error(L, "not enough memory");
    *guard = out;
    size_t length = aci_url_escape(read.bytes, read.length, keep, out);
    out[length] = '\0';
    return push_text(L, out, length, read.secret);
}

/* unescape(text) -> text */
static int http_unescape(lua_State *L) {
    size_t length;
    const char *bytes = luaL_checklstring(L, 1, &length);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, length + 1);
    luaL_pushresultsize(&buffer, aci_percent_read(bytes, length, out));
    return 1;
}

static void push_part(lua_State *L, const char *bytes, size_t length, bool lower) {
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, length + 1);
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        out[i] = lower && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    luaL_pushresultsize(&buffer, length);
}

static void set_span(lua_State *L, const char *key, aci_url_part span, bool lower) {
    if (!span.at)
        return;
    push_part(L, span.at, span.length, lower);
    lua_setfield(L, -2, key);
}

/* url(text) -> { scheme, host, port, path, query } | nil, err */
static int http_url(lua_State *L) {
    size_t length;
    const char *bytes = luaL_checklstring(L, 1, &length), *wrong;
    aci_url url;
    wrong = aci_url_parse(bytes, length, &url);
    if (wrong) {
        lua_pushfstring(L, "not a URL: %s", wrong);
        return aci_fail(L, "invalid", "url", lua_tostring(L, -1));
    }
    lua_createtable(L, 0, 5);
    set_span(L, "scheme", url.scheme, true);
    set_span(L, "host", url.host, true);
    set_span(L, "path", url.path.length ? url.path : (aci_url_part){"/", 1}, false);
    set_span(L, "query", url.query, false);
    lua_pushinteger(L, url.port ? url.port : url.scheme.length == 5 ? 443 : 80);
    lua_setfield(L, -2, "port");
    return 1;
}

static void free_text(void *thing) {
    free(thing);
}

/* resolve(base, location) -> the absolute URL that a Location header names */
static int http_resolve(lua_State *L) {
    const char *base = luaL_checkstring(L, 1), *location = luaL_checkstring(L, 2);
    void **guard = aci_guard(L, free_text);
    *guard = aci_url_resolve(base, location);
    if (!*guard)
        return luaL_error(L, "not enough memory");
    lua_pushstring(L, *guard);
    return 1;
}

/* ---- challenges ---- */

static void push_value(lua_State *L, const aci_challenge *piece) {
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, piece->value_length + 1);
    luaL_pushresultsize(&buffer, aci_challenge_unquote(piece, out));
}

/* Into the challenge on top of the stack; of one name said twice, the first counts. */
static void set_parameter(lua_State *L, const aci_challenge *piece) {
    if (piece->name_length == 0) {
        push_value(L, piece);
        lua_setfield(L, -2, "token");
        return;
    }
    lua_getfield(L, -1, "parameters");
    push_part(L, piece->name, piece->name_length, true);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pushvalue(L, -2);
        push_value(L, piece);
        lua_rawset(L, -5);
    }
    lua_pop(L, 3);
}

static void add_challenge(lua_State *L, const aci_challenge *piece, lua_Integer number) {
    lua_createtable(L, 0, 2);
    push_part(L, piece->name, piece->name_length, true);
    lua_setfield(L, -2, "scheme");
    lua_newtable(L);
    lua_setfield(L, -2, "parameters");
    lua_rawseti(L, -2, number);
}

/* challenges(header) -> { { scheme, parameters, token }, ... }, what WWW-Authenticate asks for */
static int http_challenges(lua_State *L) {
    size_t length;
    const char *header = luaL_checklstring(L, 1, &length);
    aci_challenge piece;
    aci_challenge_kind kind;
    aci_challenge_init(&piece, header, length);
    lua_newtable(L);
    for (lua_Integer count = 0; (kind = aci_challenge_next(&piece)) != ACI_CHALLENGE_END;) {
        if (kind == ACI_CHALLENGE_SCHEME) {
            add_challenge(L, &piece, ++count);
        } else {
            lua_rawgeti(L, -1, count);
            set_parameter(L, &piece);
            lua_pop(L, 1);
        }
    }
    return 1;
}

/* ---- retry ---- */

/* retry_status(status) -> boolean */
static int http_retry_status(lua_State *L) {
    lua_pushboolean(L, aci_retry_status((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* retry_method(method) -> boolean */
static int http_retry_method(lua_State *L) {
    lua_pushboolean(L, aci_retry_method(luaL_checkstring(L, 1)));
    return 1;
}

/* retry_fault(code) -> boolean */
static int http_retry_fault(lua_State *L) {
    lua_pushboolean(L, aci_fault_passing(luaL_checkstring(L, 1)));
    return 1;
}

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* retry_after(headers) -> seconds that the service asks for, or nil. Milliseconds win: they are
 * what Azure's SDKs read first. */
static int http_retry_after(lua_State *L) {
    static const char *const names[] = {"retry-after-ms", "x-ms-retry-after-ms", "retry-after"};
    double now = wall_clock();
    luaL_checktype(L, 1, LUA_TTABLE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double seconds = -1;
        if (lua_getfield(L, 1, names[i]) == LUA_TSTRING)
            seconds = aci_retry_after(names[i], lua_tostring(L, -1), now);
        lua_pop(L, 1);
        if (seconds >= 0) {
            lua_pushnumber(L, seconds);
            return 1;
        }
    }
    return 0;
}

/* backoff(next, cap) -> seconds before try number `next` */
static int http_backoff(lua_State *L) {
    lua_Integer next = luaL_checkinteger(L, 1);
    double cap = luaL_checknumber(L, 2);
    uint32_t random = 0;
    luaL_argcheck(L, next >= 2 && next < 1000, 1, "the first try has no wait");
    if (getrandom(&random, sizeof random, 0) < 0)
        random = UINT32_MAX;
    lua_pushnumber(L, aci_retry_backoff((int)next, cap, random));
    return 1;
}

void http_text_register(lua_State *L) {
    static const luaL_Reg functions[] = {{"escape", http_escape},
                                         {"unescape", http_unescape},
                                         {"url", http_url},
                                         {"resolve", http_resolve},
                                         {"challenges", http_challenges},
                                         {"retry_status", http_retry_status},
                                         {"retry_method", http_retry_method},
                                         {"retry_fault", http_retry_fault},
                                         {"retry_after", http_retry_after},
                                         {"backoff", http_backoff},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
