/* aci._server: the C half of aci.server; the request's half is server_request.c.
 * Nothing here waits: `take`, `read` and `write` say false where the Lua half has to wait for the
 * server or the request, and calls them again.
 * A server userdata owns the core's server, a request userdata its request; either may go first,
 * the core takes the pointers out of the other. */
#include "bindings.h"
#include "core/standard.h"
#include "glue.h"
#include "server.h"

#include <errno.h>
#include <string.h>

#define SERVER "aci.server"

typedef struct server_box {
    aci_wait wait;
    aci_server *server; /* NULL: closed */
} server_box;

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

/* take(server) -> request; false when none is there yet; nil when the server is closed */
static int server_take(lua_State *L) {
    server_box *box = check_server(L);
    if (!box->server)
        return 0;

    return aci_request_take(L, box->server);
}

/* ---- module ---- */

static const luaL_Reg server_methods[] = {{"port", server_port}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"listen", server_listen}, {"stop", server_stop}, {"stop_now", server_end},
    {"busy", server_busy},     {"take", server_take}, {NULL, NULL},
};

int luaopen_aci_server(lua_State *L) {
    aci_pipe_signal(); /* OpenSSL writes without MSG_NOSIGNAL */
    luaL_newlib(L, functions);
    aci_waitable_type(L, SERVER, server_methods, server_end); /* module, metatable */
    lua_pushcfunction(L, server__gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, server__tostring);
    lua_setfield(L, -2, "__tostring");
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "server");
    lua_pop(L, 1);
    aci_request_open(L);
    return 1;
}
