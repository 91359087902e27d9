/* The options of http.request: their names, their types, and what else can be wrong with them. */
#include "core/url.h"
#include "glue.h"
#include "http.h"

#include <string.h>
#include <strings.h>

enum {
    STRING = 1,
    SECRET = 2,
    TABLE = 4,
    FUNCTION = 8,
    SECONDS = 16,
    COUNT = 32,
    BOOLEAN = 64,
    FALSE = 128,
    ANY = 256
};

static const struct {
    const char *name;
    unsigned types;
    const char *words;
} options[] = {
    {"url", STRING | SECRET, "a string"},
    {"method", STRING, "a string"},
    {"query", TABLE, "a table"},
    {"headers", TABLE, "a table"},
    {"body", STRING | SECRET | TABLE | FUNCTION,
     "a string, a secret, { file = path } or a function"},
    {"body_length", COUNT, "a whole number of bytes"},
    {"json", ANY, NULL},
    {"form", TABLE, "a table"},
    {"sink", TABLE | FUNCTION, "{ file = path } or a function"},
    {"timeout", SECONDS, "a positive number of seconds"},
    {"connect_timeout", SECONDS, "a positive number of seconds"},
    {"stall_timeout", SECONDS, "a positive number of seconds"},
    {"max_body", COUNT, "a whole number of bytes"},
    {"ca_file", STRING, "a string"},
    {"client_certificate", STRING, "a string"},
    {"client_key", STRING, "a string"},
    {"client_password", STRING | SECRET, "a string or a secret"},
    {"proxy", STRING, "a string"},
    {"redirects", COUNT, "a whole number"},
    {"connect_to", STRING, "a string such as \"127.0.0.1:8443\""},
    {"retry", FALSE | TABLE, "false or a table"},
    {"secret_body", BOOLEAN, "a boolean"},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

static unsigned types_of_number(lua_State *L) {
    lua_Number value = lua_tonumber(L, -1);
    unsigned types = value > 0 && value < 1e9 ? SECONDS : 0;
    return types | (lua_isinteger(L, -1) && value >= 0 ? COUNT : 0u);
}

static unsigned types_of_top(lua_State *L) {
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        return STRING;
    case LUA_TTABLE:
        return TABLE;
    case LUA_TFUNCTION:
        return FUNCTION;
    case LUA_TNUMBER:
        return types_of_number(L);
    case LUA_TBOOLEAN:
        return BOOLEAN | (lua_toboolean(L, -1) ? 0u : FALSE);
    default:
        return aci_secret_test(L, -1, NULL) ? SECRET : 0;
    }
}

static bool is(size_t i, const char *name) {
    return strcmp(options[i].name, name) == 0;
}

/* Where in the table; raises for what is no option. */
static size_t find_option(lua_State *L, const char *name) {
    const char *names[OPTION_COUNT + 1] = {NULL};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (is(i, name))
            return i;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        names[i] = options[i].name;
    aci_options_check(L, 1, names);
    return 0; /* not reached */
}

static bool is_token(const char *text) {
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text && text[strspn(text, allowed)] == '\0';
}

static bool is_one_line(const char *text, size_t length) {
    return !memchr(text, '\r', length) && !memchr(text, '\n', length) &&
           !memchr(text, '\0', length);
}

/* Key below the top, value at the top. What is secret is not repeated in the message. */
static void check_header(lua_State *L) {
    const char *name, *value;
    size_t length;
    if (lua_type(L, -2) != LUA_TSTRING || !is_token(lua_tostring(L, -2)))
        luaL_error(L, "option 'headers': '%s' is no header name", luaL_tolstring(L, -2, NULL));
    name = lua_tostring(L, -2);
    if (lua_type(L, -1) == LUA_TNUMBER)
        return;
    if (lua_type(L, -1) != LUA_TSTRING && !aci_secret_test(L, -1, NULL))
        luaL_error(L, "header '%s' must be a string, a number or a secret, got a %s", name,
                   luaL_typename(L, -1));
    value = aci_bytes(L, -1, &length);
    if (!is_one_line(value, length))
        luaL_error(L, "header '%s' holds a line break or a NUL byte", name);
    if (strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0)
        luaL_error(L, "header '%s' is made from the body, leave it out", name);
}

static void check_headers(lua_State *L) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        check_header(L);
        lua_pop(L, 1);
    }
}

/* The URL is not repeated: its query may hold a signature. */
static void check_url(lua_State *L) {
    aci_url url;
    size_t length;
    const char *text = aci_bytes(L, -1, &length), *wrong = aci_url_parse(text, length, &url);
    if (wrong)
        luaL_error(L, "option 'url' is no URL: %s", wrong);
    if (url.userinfo)
        luaL_error(L, "option 'url' must not hold a user name or password");
}

static void check_method(lua_State *L) {
    const char *method = lua_tostring(L, -1);
    if (!is_token(method))
        luaL_error(L, "option 'method': '%s' is no method", method);
}

static void check_file(lua_State *L) {
    static const char *const names[] = {"file", NULL};
    if (lua_type(L, -1) != LUA_TTABLE)
        return;
    aci_options_check(L, -1, names);
    if (!aci_opt_string(L, -1, "file", NULL))
        luaL_error(L, "option '%s' is a table without 'file'", lua_tostring(L, -2));
}

static void check_retry(lua_State *L) {
    static const char *const names[] = {"tries", "max_wait", "safe", NULL};
    if (lua_type(L, -1) != LUA_TTABLE)
        return;
    aci_options_check(L, -1, names);
    if (aci_opt_integer(L, -1, "tries", 1) < 1)
        luaL_error(L, "option 'tries' must be at least 1");
    if (!(aci_opt_number(L, -1, "max_wait", 1) >= 0))
        luaL_error(L, "option 'max_wait' must be a number of seconds");
    aci_opt_boolean(L, -1, "safe", false);
}

static bool is_set(lua_State *L, const char *option) {
    bool set = lua_getfield(L, 1, option) != LUA_TNIL;
    lua_pop(L, 1);
    return set;
}

/* What says nothing alone. */
static void check_length(lua_State *L) {
    bool producer = lua_getfield(L, 1, "body") == LUA_TFUNCTION;
    lua_pop(L, 1);
    if (!producer)
        luaL_error(L, "option 'body_length' is for a function as 'body'");
}

static void check_key(lua_State *L) {
    if (!is_set(L, "client_certificate"))
        luaL_error(L, "options 'client_key' and 'client_password' need 'client_certificate'");
}

/* What is looked at beyond the type; the value is on top, the name below it. */
static const struct {
    const char *name;
    void (*check)(lua_State *L);
} closer[] = {
    {"url", check_url},
    {"method", check_method},
    {"headers", check_headers},
    {"body", check_file},
    {"sink", check_file},
    {"retry", check_retry},
    {"body_length", check_length},
    {"client_key", check_key},
    {"client_password", check_key},
};

/* The name below the top, the value on top. */
static void check_option(lua_State *L) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    size_t i = find_option(L, name);
    if (!(options[i].types & ANY) && !(options[i].types & types_of_top(L)))
        luaL_error(L, "option '%s' must be %s, got a %s", name, options[i].words,
                   luaL_typename(L, -1));
    for (size_t each = 0; each < sizeof closer / sizeof *closer; each++)
        if (strcmp(closer[each].name, name) == 0)
            closer[each].check(L);
}

int http_check(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        check_option(L);
    return 0;
}
