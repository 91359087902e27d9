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

/* `check` looks at more than the type: the value is on top, the name below it. What is `sent` goes
 * to the plan as it was given. */
static const struct option {
    const char *name;
    unsigned types;
    const char *words;
    void (*check)(lua_State *L);
    bool sent;
} options[] = {
    {"url", STRING | SECRET, "a string", check_url, true},
    {"method", STRING, "a string", check_method, true},
    {"query", TABLE, "a table", NULL, false},
    {"headers", TABLE, "a table", check_headers, false},
    {"body", STRING | SECRET | TABLE | FUNCTION,
     "a string, a secret, { file = path } or a function", check_file, false},
    {"body_length", COUNT, "a whole number of bytes", check_length, true},
    {"json", ANY, NULL, NULL, false},
    {"form", TABLE, "a table", NULL, false},
    {"sink", TABLE | FUNCTION, "{ file = path } or a function", check_file, false},
    {"timeout", SECONDS, "a positive number of seconds", NULL, true},
    {"connect_timeout", SECONDS, "a positive number of seconds", NULL, true},
    {"stall_timeout", SECONDS, "a positive number of seconds", NULL, true},
    {"max_body", COUNT, "a whole number of bytes", NULL, true},
    {"ca_file", STRING, "a string", NULL, true},
    {"client_certificate", STRING, "a string", NULL, true},
    {"client_key", STRING, "a string", check_key, true},
    {"client_password", STRING | SECRET, "a string or a secret", check_key, true},
    {"proxy", STRING, "a string", NULL, true},
    {"redirects", COUNT, "a whole number", NULL, true},
    {"connect_to", STRING, "a string such as \"127.0.0.1:8443\"", NULL, true},
    {"retry", FALSE | TABLE, "false or a table", check_retry, false},
    {"secret_body", BOOLEAN, "a boolean", NULL, true},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

/* Raises for what is no option. */
static const struct option *find_option(lua_State *L, const char *name) {
    const char *names[OPTION_COUNT + 1] = {NULL};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (*options[i].name == *name && strcmp(options[i].name, name) == 0)
            return &options[i];
    for (size_t i = 0; i < OPTION_COUNT; i++)
        names[i] = options[i].name;
    aci_options_check(L, 1, names);
    return NULL; /* not reached */
}

/* The name below the top, the value on top. */
static const struct option *check_option(lua_State *L) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    const struct option *option = find_option(L, name);
    if (!(option->types & ANY) && !(option->types & types_of_top(L)))
        luaL_error(L, "option '%s' must be %s, got a %s", name, option->words,
                   luaL_typename(L, -1));
    if (option->check)
        option->check(L);
    return option;
}

static void check_table(lua_State *L) {
    if (!lua_istable(L, 1))
        luaL_error(L, "the options must be a table, got a %s", luaL_typename(L, 1));
}

int http_check(lua_State *L) {
    check_table(L);
    lua_settop(L, 1);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        check_option(L);
    return 0;
}

/* Options that inherit others by a metatable: index 1 becomes a table that has them all. */
static void inherit(lua_State *L) {
    if (!luaL_getmetafield(L, 1, "__index"))
        return;
    lua_newtable(L);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        lua_getfield(L, 1, options[i].name);
        lua_setfield(L, -2, options[i].name);
    }
    for (lua_pushnil(L); lua_next(L, 1);) { /* also what is no option */
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_replace(L, 1);
    lua_pop(L, 1);
}

int http_take(lua_State *L) {
    bool more = false;
    check_table(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    inherit(L);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (!check_option(L)->sent) {
            more = true;
            continue;
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 2);
    }
    lua_pushboolean(L, more);
    return 1;
}
