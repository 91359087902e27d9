/* aci._server: the C half of aci.server. Nothing here waits: `take`, `read` and `write` say false
 * where the Lua half has to wait for the server or the request, and calls them again.
 * A server userdata owns the core's server, a request userdata its request; either may go first,
 * the core takes the pointers out of the other. */
#include "bindings.h"
#include "core/server.h"
#include "glue.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#define SERVER "aci.server"
#define REQUEST "aci.server.request"

typedef struct server_box {
    aci_wait wait;
    aci_server *server; /* NULL: closed */
} server_box;

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

/* ---- server ---- */

static server_box *check_server(lua_State *L) {
    return luaL_checkudata(L, 1, SERVER);
}

static aci_server *check_open(lua_State *L) {
    server_box *box = check_server(L);
    if (!box->server)
        luaL_error(L, "the server is closed");
    return box->server;
}

static int server_end(lua_State *L) {
    server_box *box = check_server(L);
    aci_server *server = box->server;
    box->server = NULL;
    aci_server_free(server);
    return 0;
}

static int server__gc(lua_State *L) {
    server_end(L);
    aci_wait_forget(&check_server(L)->wait);
    return 0;
}

static int server__tostring(lua_State *L) {
    server_box *box = check_server(L);
    if (box->server)
        lua_pushfstring(L, "server (port %d)", aci_server_port(box->server));
    else
        lua_pushliteral(L, "server (closed)");
    return 1;
}

/* server:port() -> integer */
static int server_port(lua_State *L) {
    lua_pushinteger(L, aci_server_port(check_open(L)));
    return 1;
}

/* stop(server): accepts nothing more; answers in work go on */
static int server_stop(lua_State *L) {
    server_box *box = check_server(L);
    if (box->server)
        aci_server_close(box->server);
    return 0;
}

/* busy(server) -> how many connections have an answer to send */
static int server_busy(lua_State *L) {
    server_box *box = check_server(L);
    lua_pushinteger(L, box->server ? (lua_Integer)aci_server_busy(box->server) : 0);
    return 1;
}

/* tls = {ca = {certificate =, key =}}, its parts left on the stack; NULL in `error`: none asked. */
static aci_tls *read_tls(lua_State *L, void **owned, char *error) {
    static const char *const tls_names[] = {"ca", NULL};
    static const char *const ca_names[] = {"certificate", "key", NULL};
    size_t certificate_len, key_len;
    if (lua_getfield(L, 1, "tls") == LUA_TNIL)
        return NULL;
    aci_options_check(L, -1, tls_names);
    lua_getfield(L, -1, "ca");
    aci_options_check(L, -1, ca_names);
    lua_getfield(L, -1, "certificate");
    lua_getfield(L, -2, "key");
    const char *certificate = aci_bytes(L, -2, &certificate_len);
    const char *key = aci_bytes(L, -1, &key_len);

    *owned = aci_tls_new(certificate, certificate_len, key, key_len, error);
    return *owned;
}

static double read_seconds(lua_State *L, const char *key, double otherwise) {
    double value = aci_opt_number(L, 1, key, otherwise);
    if (!(value > 0 && value <= 1e6))
        luaL_error(L, "option '%s' must be a positive number of seconds", key);
    return value;
}

static void read_options(lua_State *L, aci_server_options *o) {
    static const char *const names[] = {
        "host",         "port",         "tls",           "proxy",       "public",
        "head_timeout", "idle_timeout", "stall_timeout", "connections", NULL};
    lua_Integer port, connections;
    aci_options_check(L, 1, names);
    port = aci_opt_integer(L, 1, "port", 0);
    connections = aci_opt_integer(L, 1, "connections", 1024);
    luaL_argcheck(L, port >= 0 && port <= 65535, 1, "option 'port' must be 0 to 65535");
    luaL_argcheck(L, connections > 0 && connections <= 65536, 1,
                  "option 'connections' must be 1 to 65536");
    o->host = aci_opt_string(L, 1, "host", "127.0.0.1");
    o->port = (int)port;
    o->connections = (unsigned)connections;
    o->proxy = aci_opt_boolean(L, 1, "proxy", false);
    o->is_public = aci_opt_boolean(L, 1, "public", false);
    o->head_timeout = read_seconds(L, "head_timeout", 30);
    o->idle_timeout = read_seconds(L, "idle_timeout", 75);
    o->stall_timeout = read_seconds(L, "stall_timeout", 30);
}

static int listen_fail(lua_State *L, const aci_server_options *o, int number) {
    const char *kind = "failed", *code = strerrorname_np(number);
    if (number == EADDRINUSE) {
        kind = "conflict";
        lua_pushfstring(L, "port %d on %s is taken by another program", o->port, o->host);
    } else if (number == EINVAL) {
        kind = "usage";
        lua_pushfstring(L, "'%s' is neither an IP address nor localhost", o->host);
    } else if (number == EPERM) {
        kind = "usage";
        lua_pushfstring(L, "%s is not a loopback address; public = true allows it", o->host);
    } else {
        lua_pushfstring(L, "cannot listen on %s, port %d: %s", o->host, o->port, strerror(number));
    }
    return aci_fail(L, kind, code, lua_tostring(L, -1));
}

static void release_tls(void *tls) {
    aci_tls_free(tls);
}

/* server.listen(options) -> server | nil, err */
static int server_listen(lua_State *L) {
    aci_server_options o = {0};
    char error[ACI_X509_ERROR] = "";
    lua_settop(L, 1);
    read_options(L, &o);

    server_box *box = aci_waitable_new(L, sizeof *box, SERVER, 0);
    void **owned = aci_guard(L, release_tls);
    o.tls = read_tls(L, owned, error);
    if (error[0])
        return aci_fail(L, "invalid", NULL, error);

    int failed = aci_server_open(&box->server, &o, &box->wait);
    if (failed)
        return listen_fail(L, &o, -failed);

    *owned = NULL; /* the server's now */
    lua_pushvalue(L, 2);
    return 1;
}

/* ---- a request's fields ---- */

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

/* Pushes the table of fields; upvalue 1 is the metatable that leads on to the methods. */
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
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
}

/* take(server) -> request; false when none is there yet; nil when the server is closed */
static int server_take(lua_State *L) {
    server_box *server = check_server(L);
    if (!server->server)
        return 0;

    request_box *box = aci_waitable_new(L, sizeof *box, REQUEST, 1);
    box->request = aci_server_take(server->server, &box->wait);
    if (!box->request && aci_server_closed(server->server))
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

/* ---- an answer's fields: a table {name = value | {value, ...}} to lines ---- */

/* The value at the top as bytes; numbers as Lua writes them. */
static const char *field_value(lua_State *L, const char *name, size_t *len) {
    const char *bytes = aci_secret_test(L, -1, len);
    if (!bytes && (lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER))
        bytes = lua_tolstring(L, -1, len);
    if (!bytes)
        luaL_error(L, "header '%s' must be a string, a number or an array, got a %s", name,
                   luaL_typename(L, -1));
    if (!aci_head_value_ok(bytes, *len))
        luaL_error(L, "header '%s' has a control character", name);
    return bytes;
}

/* Adds `name: value CRLF`; with `to` NULL it only measures. */
static size_t put_line(lua_State *L, const char *name, size_t name_len, char *to) {
    size_t len;
    const char *value = field_value(L, name, &len);
    if (to) {
        memcpy(to, name, name_len);
        memcpy(to + name_len, ": ", 2);
        memcpy(to + name_len + 2, value, len);
        memcpy(to + name_len + 2 + len, "\r\n", 2);
    }
    return name_len + len + 4;
}

/* Key and value are at the top; the value is popped. */
static size_t put_field(lua_State *L, char *to) {
    size_t name_len, total = 0;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "header names are strings, got a %s", luaL_typename(L, -2));
    const char *name = lua_tolstring(L, -2, &name_len);
    if (!aci_head_name_ok(name, name_len))
        luaL_error(L, "'%s' is no header name", name);
    if (aci_span_is((aci_span){name, name_len}, "transfer-encoding"))
        luaL_error(L, "Transfer-Encoding is the server's to set");
    if (lua_type(L, -1) != LUA_TTABLE) {
        total = put_line(L, name, name_len, to);
    } else {
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, -1, i);
            total += put_line(L, name, name_len, to ? to + total : NULL);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return total;
}

static size_t put_fields(lua_State *L, int index, char *to) {
    size_t total = 0;
    lua_pushnil(L);
    while (lua_next(L, index))
        total += put_field(L, to ? to + total : NULL);
    return total;
}

/* Leaves the lines on the stack; nil means none. Numbers in the table become no strings: only
 * the copies on the stack do. */
static aci_span read_fields(lua_State *L, int index) {
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return (aci_span){"", 0};
    }
    luaL_checktype(L, index, LUA_TTABLE);
    size_t size = put_fields(L, index, NULL);
    char *lines = lua_newuserdatauv(L, size + 1, 0);
    put_fields(L, index, lines);
    return (aci_span){lines, size};
}

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
    aci_span fields = read_fields(L, 3), body = {"", 0};
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
    aci_span fields = read_fields(L, 3);

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

/* request:over() -> boolean */
static int request_over(lua_State *L) {
    request_box *box = check_request(L);
    lua_pushboolean(L, !box->request || aci_request_over(box->request));
    return 1;
}

/* ---- module ---- */

static const luaL_Reg server_methods[] = {{"port", server_port}, {NULL, NULL}};

static const luaL_Reg request_methods[] = {
    {"respond", request_respond},
    {"start", request_start},
    {"finish", request_finish},
    {"tls", request_tls},
    {"over", request_over},
    {"close", request_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"listen", server_listen},
    {"stop", server_stop},
    {"stop_now", server_end},
    {"busy", server_busy},
    {"read", request_read},
    {"write", request_write},
    {NULL, NULL},
};

/* Metatable at the top. */
static void set_function(lua_State *L, const char *key, lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, key);
}

static void make_server_type(lua_State *L) {
    aci_waitable_type(L, SERVER, server_methods, server_end);
    set_function(L, "__gc", server__gc);
    set_function(L, "__tostring", server__tostring);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "server");
    lua_pop(L, 1);
}

/* A request's fields and methods are found in its user value, whose metatable is made here and
 * goes into `take`. */
static void make_request_type(lua_State *L) {
    aci_waitable_type(L, REQUEST, request_methods, request_close);
    set_function(L, "__gc", request__gc);
    set_function(L, "__tostring", request__tostring);
    lua_createtable(L, 0, 1); /* module, metatable, fields' metatable */
    if (lua_getfield(L, -2, "methods") == LUA_TNIL) { /* else the module is opened again */
        lua_pop(L, 1);
        lua_getfield(L, -2, "__index");
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, "methods");
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, -5, "request");
    lua_setfield(L, -2, "__index");
    lua_pushcclosure(L, server_take, 1);
    lua_setfield(L, -3, "take");
    set_function(L, "__index", request__index);
    set_function(L, "__newindex", request__newindex);
    lua_pop(L, 1);
}

int luaopen_aci_server(lua_State *L) {
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    luaL_newlib(L, functions);
    make_server_type(L);
    make_request_type(L);
    return 1;
}
