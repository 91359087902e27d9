/* The requests of aci._server: what was asked, reading, and answering. */
#include "glue.h"
#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define REQUEST "aci.server.request"
#define FIELDS "aci.server.request.fields"

typedef struct request_box {
    aci_wait wait;
    aci_request *request; /* NULL: given back */
} request_box;

/* ---- faults ---- */

static const struct {
    int number;
    const char *kind, *message;
} faults[] = {
    {ECONNRESET, "network", "the client closed the connection"},
    {EPIPE, "network", "the client closed the connection"},
    {ETIMEDOUT, "timeout", "the client neither sent nor took anything for too long"},
    {EBADMSG, "invalid", "the chunks of the request body are malformed"},
    {ECANCELED, "canceled", "the server was closed"},
    {EPROTO, "network", "the client broke the TLS connection"},
    {ERANGE, "invalid", "the file has no such part"},
};

/* nil and the error; what the script did wrong raises instead. */
static int request_fail(lua_State *L, int failed, const char *path) {
    int number = -failed;
    switch (number) {
    case EALREADY:
        return luaL_error(L, "the request has been answered already");
    case EINVAL:
        return luaL_error(L, "the answer's status, Content-Length and body do not fit together");
    case EMSGSIZE:
        return luaL_error(L, "the body is not as long as its Content-Length says");
    case ENOTSUP:
        return luaL_error(L, "tls is for CONNECT requests on a plain server with a CA");
    }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].number == number)
            return aci_fail(L, faults[i].kind, strerrorname_np(number), faults[i].message);
    if (path)
        return aci_fail_errno(L, "cannot send", path, number);
    return aci_fail(L, "network", strerrorname_np(number), strerror(number));
}

static int result(lua_State *L, int failed, const char *path) {
    if (failed)
        return request_fail(L, failed, path);
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- what was asked, as a table ---- */

static void set_span(lua_State *L, const char *key, aci_span span) {
    if (!span.at)
        return;
    lua_pushlstring(L, span.at, span.len);
    lua_setfield(L, -2, key);
}

static void push_lower(lua_State *L, aci_span span) {
    luaL_Buffer buffer;
    char *to = luaL_buffinitsize(L, &buffer, span.len);
    for (size_t i = 0; i < span.len; i++)
        to[i] = (char)tolower((unsigned char)span.at[i]);
    luaL_pushresultsize(&buffer, span.len);
}

/* Pushes the map; fields of one name are joined, as RFC 9110 (and 6265 for cookies) says. */
static void push_headers(lua_State *L, const aci_head *head) {
    aci_span lines = head->fields, name, value;
    lua_createtable(L, 0, 12);
    while (aci_head_next(&lines, &name, &value) > 0) {
        push_lower(L, name); /* headers, name */
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TNIL) { /* headers, name, before */
            lua_pop(L, 1);
            lua_pushlstring(L, value.at, value.len);
        } else {
            lua_pushstring(L, aci_span_is(name, "cookie") ? "; " : ", ");
            lua_pushlstring(L, value.at, value.len);
            lua_concat(L, 3);
        }
        lua_rawset(L, -3);
    }
}

static void set_authority(lua_State *L, const aci_head *head) {
    aci_span host;
    int port = 0;
    if (!head->authority.at || !aci_head_authority(head->authority, &host, &port))
        return;
    push_lower(L, host);
    lua_setfield(L, -2, "host");
    if (port) {
        lua_pushinteger(L, port);
        lua_setfield(L, -2, "port");
    }
}

/* Pushes the table of fields; its metatable leads on to the methods. */
static void push_fields(lua_State *L, const aci_request *request) {
    const aci_head *head = aci_request_head(request);
    lua_createtable(L, 0, 12);
    set_span(L, "method", head->method);
    set_span(L, "target", head->target);
    set_span(L, "path", head->path);
    set_span(L, "query", head->query);
    set_authority(L, head);
    lua_pushstring(L, aci_request_secure(request) ? "https" : "http");
    lua_setfield(L, -2, "scheme");
    lua_pushstring(L, aci_request_peer(request));
    lua_setfield(L, -2, "peer");
    lua_pushstring(L, aci_request_tunnel(request));
    lua_setfield(L, -2, "tunnel");
    push_headers(L, head);
    lua_setfield(L, -2, "headers");
    luaL_setmetatable(L, FIELDS);
}

int aci_request_take(lua_State *L, aci_server *server) {
    request_box *box = aci_waitable_new(L, sizeof *box, REQUEST, 1);
    box->request = aci_server_take(server, &box->wait);
    if (!box->request && aci_server_closed(server))
        return 0;
    if (!box->request) {
        lua_pushboolean(L, 0);
        return 1;
    }

    push_fields(L, box->request);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* ---- request ---- */

static request_box *check_request(lua_State *L) {
    return luaL_checkudata(L, 1, REQUEST);
}

static aci_request *check_live(lua_State *L) {
    request_box *box = check_request(L);
    if (!box->request)
        luaL_error(L, "the request is closed");
    return box->request;
}

/* request:close(): ends the connection when it was not answered */
static int request_close(lua_State *L) {
    request_box *box = check_request(L);
    aci_request *request = box->request;
    box->request = NULL;
    aci_request_free(request);
    if (request)
        aci_wait_done(&box->wait); /* another task may read or write */
    return 0;
}

static int request__gc(lua_State *L) {
    request_close(L);
    aci_wait_forget(&check_request(L)->wait);
    return 0;
}

static int request__index(lua_State *L) {
    check_request(L);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    return 1;
}

static int request__newindex(lua_State *L) {
    check_request(L);
    lua_getiuservalue(L, 1, 1);
    lua_insert(L, 2);
    lua_rawset(L, 2);
    return 0;
}

static int request__tostring(lua_State *L) {
    request_box *box = check_request(L);
    if (!box->request) {
        lua_pushliteral(L, "request (closed)");
        return 1;
    }
    const aci_head *head = aci_request_head(box->request);
    lua_pushliteral(L, "request (");
    lua_pushlstring(L, head->method.at, head->method.len);
    lua_pushliteral(L, " ");
    lua_pushlstring(L, head->path.at, head->path.len); /* no query: it may hold a signature */
    lua_pushliteral(L, ")");
    lua_concat(L, 5);
    return 1;
}

/* read(request) -> chunk; false when it has to wait; nil at the end; nil, err */
static int request_read(lua_State *L) {
    aci_request *request = check_live(L);
    aci_span piece;

    int got = aci_request_read(request, &piece);

    if (got > 0)
        lua_pushlstring(L, piece.at, piece.len);
    else if (got == -EAGAIN)
        lua_pushboolean(L, 0);
    else if (got < 0)
        return request_fail(L, got, NULL);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- answers ---- */

static int read_status(lua_State *L) {
    lua_Integer status = luaL_checkinteger(L, 2);
    luaL_argcheck(L, status >= 200 && status <= 599, 2, "a status is 200 to 599");
    return (int)status;
}

static int respond_file(lua_State *L, aci_request *request, int status, aci_span fields) {
    static const char *const names[] = {"file", "offset", "length", NULL};
    aci_options_check(L, 4, names);
    const char *path = aci_opt_string(L, 4, "file", NULL);
    luaL_argcheck(L, path, 4, "a body that is a table needs 'file'");
    lua_Integer offset = aci_opt_integer(L, 4, "offset", 0);
    lua_Integer length = aci_opt_integer(L, 4, "length", -1);
    return result(L, aci_request_file(request, status, fields, path, offset, length), path);
}

/* request:respond(status [, headers [, body | {file =}]]) -> true | nil, err */
static int request_respond(lua_State *L) {
    aci_request *request = check_live(L);
    int status = read_status(L);
    lua_settop(L, 4);
    aci_span fields = aci_answer_fields(L, 3), body = {"", 0};
    if (lua_type(L, 4) == LUA_TTABLE)
        return respond_file(L, request, status, fields);
    if (!lua_isnil(L, 4))
        body.at = aci_bytes(L, 4, &body.len);

    return result(L, aci_request_respond(request, status, fields, body), NULL);
}

/* request:start(status [, headers]) -> true | nil, err */
static int request_start(lua_State *L) {
    aci_request *request = check_live(L);
    int status = read_status(L);
    lua_settop(L, 3);
    aci_span fields = aci_answer_fields(L, 3);

    return result(L, aci_request_start(request, status, fields), NULL);
}

/* write(request, bytes) -> true; false when it has to wait; nil, err */
static int request_write(lua_State *L) {
    aci_request *request = check_live(L);
    aci_span bytes;
    bytes.at = aci_bytes(L, 2, &bytes.len);

    int failed = aci_request_write(request, bytes);

    if (failed == -EINVAL)
        return luaL_error(L, "request:start comes before request:write");
    if (failed != -EAGAIN)
        return result(L, failed, NULL);
    lua_pushboolean(L, 0);
    return 1;
}

/* request:finish() -> true | nil, err */
static int request_finish(lua_State *L) {
    aci_request *request = check_live(L);

    int failed = aci_request_finish(request);

    if (failed == -EINVAL)
        return luaL_error(L, "request:start comes before request:finish");
    return result(L, failed, NULL);
}

/* request:tls() -> true | nil, err */
static int request_tls(lua_State *L) {
    aci_request *request = check_live(L);

    return result(L, aci_request_tls(request), NULL);
}

/* request:upgrade([headers]) -> true | nil, err */
static int request_upgrade(lua_State *L) {
    aci_request *request = check_live(L);
    lua_settop(L, 2);
    aci_span fields = aci_answer_fields(L, 2);

    int failed = aci_request_upgrade(request, fields);

    if (failed == -EPROTO)
        return aci_fail(L, "invalid", "EPROTO",
                        "a request with a body, or of HTTP/1.0, cannot go on in another protocol");
    return result(L, failed, NULL);
}

/* request:spelling(name) -> string | nil */
static int request_spelling(lua_State *L) {
    aci_request *request = check_live(L);
    const char *wanted = luaL_checkstring(L, 2);
    aci_span lines = aci_request_head(request)->fields, name, value;

    while (aci_head_next(&lines, &name, &value) > 0)
        if (aci_span_is(name, wanted)) {
            lua_pushlstring(L, name.at, name.len);
            return 1;
        }
    lua_pushnil(L);
    return 1;
}

/* request:over() -> boolean */
static int request_over(lua_State *L) {
    request_box *box = check_request(L);
    lua_pushboolean(L, !box->request || aci_request_over(box->request));
    return 1;
}

/* ---- opening ---- */

static const luaL_Reg methods[] = {
    {"respond", request_respond}, {"start", request_start},     {"finish", request_finish},
    {"tls", request_tls},         {"upgrade", request_upgrade}, {"spelling", request_spelling},
    {"over", request_over},       {"close", request_close},     {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", request__gc},
    {"__index", request__index},
    {"__newindex", request__newindex},
    {"__tostring", request__tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"read", request_read}, {"write", request_write}, {NULL, NULL}};

/* A request's own fields and its methods are found in its user value, whose metatable is FIELDS. */
void aci_request_open(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
    aci_waitable_type(L, REQUEST, NULL, request_close);
    luaL_setfuncs(L, meta, 0);
    lua_pop(L, 1);
    aci_type(L, FIELDS, methods, NULL);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "request");
    lua_pop(L, 1);
}
