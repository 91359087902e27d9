/* aci._http: transfers and URLs; bindings/lua/aci/http.lua makes requests of them.
 *
 *     local transfer <close> = c.start { url = "https://example.com/", method = "GET" }
 *     task.wait(transfer)
 *     local response, err = transfer:result()
 *
 * c.exchange(plan) is these three lines in one, without an object for Lua. A transfer owns copies
 * of all it was given and may be closed in every state. */
#include "bindings.h"
#include "core/transfer.h"
#include "glue.h"
#include "http.h"
#include "scheduler.h"

#include <errno.h>
#include <string.h>

#define TYPE "aci.http.transfer"

typedef struct transfer {
    aci_wait wait;
    aci_transfer *core; /* NULL: closed */
    bool secret_body, secret_url;
} transfer;

/* ---- start ---- */

/* The userdata owns the transfer already, so raising here loses nothing. */
static void add_headers(lua_State *L, aci_transfer *core) {
    lua_getfield(L, 1, "headers");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -1) == LUA_TNUMBER)
            lua_tostring(L, -1);
        if (aci_transfer_header(core, lua_tostring(L, -2), aci_bytes(L, -1, NULL)) < 0)
            luaL_error(L, "not enough memory");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Starts what the plan at index 1 says: 0, or the results nil, err. It may be sent before this
 * returns: aci_wait_check comes first, for nobody waits any more in a canceled task. */
static int begin(lua_State *L, transfer *self) {
    http_plan plan;
    int failed;
    http_plan_read(L, &plan);
    self->secret_body = plan.secret_body;
    self->secret_url = plan.secret_url;
    self->core = aci_transfer_new(&plan.sent, &self->wait, &failed);
    if (!self->core)
        return plan.sent.body_file ? aci_fail_errno(L, "cannot send", plan.sent.body_file, failed)
                                   : luaL_error(L, "%s", strerror(failed));
    if (plan.headers)
        add_headers(L, self->core);
    aci_transfer_start(self->core);
    return 0;
}

/* start(plan) -> transfer | nil, err */
static int http_start(lua_State *L) {
    transfer *self;
    int refused;
    aci_wait_check(L);
    self = aci_waitable_new(L, sizeof *self, TYPE, 0);
    refused = begin(L, self);
    return refused ? refused : 1;
}

/* ---- methods ---- */

static transfer *check_open(lua_State *L) {
    transfer *self = luaL_checkudata(L, 1, TYPE);
    luaL_argcheck(L, self->core, 1, "the transfer is closed");
    return self;
}

static void push_url(lua_State *L, const aci_transfer *core, bool query) {
    const char *url = aci_transfer_url(core);
    lua_pushlstring(L, url, strcspn(url, query ? "#" : "?#"));
}

static int push_fault(lua_State *L, const aci_transfer *core) {
    const aci_fault *fault = aci_transfer_fault(core);
    aci_fail(L, fault->kind, fault->code, fault->message);
    lua_pushstring(L, aci_transfer_method(core));
    lua_setfield(L, -2, "method");
    push_url(L, core, false);
    lua_setfield(L, -2, "url");
    return 2;
}

/* A header that comes twice is one, joined by ", ", as RFC 9110 5.3 reads it. */
static void push_value(lua_State *L, const char *name, const char *value) {
    if (lua_getfield(L, -2, name) == LUA_TSTRING)
        lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
    else
        lua_pushstring(L, value);
    lua_remove(L, -2);
}

static void push_headers(lua_State *L, const aci_headers *head) {
    const char *name, *value;
    size_t at = 0;
    lua_createtable(L, 0, 8);
    while (aci_headers_next(head, &at, &name, &value)) {
        lua_pushstring(L, name);
        if (head->repeats)
            push_value(L, name, value);
        else
            lua_pushstring(L, value);
        lua_rawset(L, -3);
    }
}

static void push_body(lua_State *L, const transfer *self) {
    size_t length;
    const char *bytes = aci_transfer_body(self->core, &length);
    if (self->secret_body)
        aci_secret_push(L, bytes, length);
    else
        lua_pushlstring(L, bytes, length);
}

/* -> response | nil, err */
static int push_result(lua_State *L, const transfer *self) {
    if (aci_transfer_fault(self->core))
        return push_fault(L, self->core);
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, aci_transfer_status(self->core));
    lua_setfield(L, -2, "status");
    push_headers(L, aci_transfer_headers(self->core));
    lua_setfield(L, -2, "headers");
    push_url(L, self->core, !self->secret_url);
    lua_setfield(L, -2, "url");
    if (aci_transfer_body_kind(self->core) == ACI_SPOOL_MEMORY) {
        push_body(L, self);
        lua_setfield(L, -2, "body");
    }
    return 1;
}

/* transfer:result() -> response | nil, err; only when it has ended */
static int transfer_result(lua_State *L) {
    transfer *self = check_open(L);
    luaL_argcheck(L, aci_transfer_ended(self->core), 1,
                  "the transfer has not ended: task.wait(transfer) comes first");
    return push_result(L, self);
}

/* transfer:read() -> bytes | nil: what a stream has got since; nil when there is nothing (yet) */
static int transfer_read(lua_State *L) {
    transfer *self = check_open(L);
    size_t length;
    if (aci_transfer_body_kind(self->core) != ACI_SPOOL_STREAM)
        return 0;
    aci_transfer_body(self->core, &length);
    if (length)
        push_body(L, self);
    else
        lua_pushnil(L);
    aci_transfer_read_on(self->core);
    return 1;
}

/* transfer:hungry() -> boolean: the next piece of the body is waited for */
static int transfer_hungry(lua_State *L) {
    lua_pushboolean(L, aci_transfer_hungry(check_open(L)->core));
    return 1;
}

/* transfer:give([bytes]): the next piece of the body, when it is hungry; none is the end */
static int transfer_give(lua_State *L) {
    transfer *self = check_open(L);
    size_t length = 0;
    const char *bytes = lua_isnoneornil(L, 2) ? NULL : aci_bytes(L, 2, &length);
    int failed = aci_transfer_give(self->core, bytes, length);
    if (failed == -EFBIG)
        return luaL_error(L, "the body's function gave more than 'body_length' bytes");
    return failed ? luaL_error(L, "%s", strerror(-failed)) : 0;
}

/* transfer:ended() -> boolean */
static int transfer_ended(lua_State *L) {
    lua_pushboolean(L, aci_transfer_ended(check_open(L)->core));
    return 1;
}

/* transfer:began() -> boolean: a connection stood, so that the request may have arrived */
static int transfer_began(lua_State *L) {
    lua_pushboolean(L, aci_transfer_began(check_open(L)->core));
    return 1;
}

/* transfer:seconds() -> number: from the start to the end */
static int transfer_seconds(lua_State *L) {
    lua_pushnumber(L, aci_transfer_seconds(check_open(L)->core));
    return 1;
}

/* A task that waits for it is woken first, and finds a result of kind "canceled"; its memory
 * then goes with the userdata. */
static int transfer_close(lua_State *L) {
    transfer *self = luaL_checkudata(L, 1, TYPE);
    if (!self->core)
        return 0;
    aci_transfer_cancel(self->core);
    if (self->wait.waiter)
        return 0;
    aci_transfer_free(self->core);
    self->core = NULL;
    return 0;
}

static int transfer__gc(lua_State *L) {
    transfer *self = luaL_checkudata(L, 1, TYPE);
    aci_transfer_free(self->core);
    self->core = NULL;
    return 0;
}

/* ---- a whole exchange, from the plan to the response ---- */

/* What Lua never sees serves again: upvalue 1 holds it, or nil while it is in use. */
static transfer *take_spare(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushnil(L);
    lua_replace(L, lua_upvalueindex(1));
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        aci_waitable_new(L, sizeof(transfer), TYPE, 0);
    }
    return lua_touserdata(L, -1);
}

static void put_back(lua_State *L, int index) {
    transfer *self = lua_touserdata(L, index);
    aci_transfer_free(self->core);
    *self = (transfer){0};
    lua_pushvalue(L, index);
    lua_replace(L, lua_upvalueindex(1));
}

/* The transfer at index 2 has ended, or the wait for it has been: then the error is on top. */
static int exchange_over(lua_State *L, int status, lua_KContext context) {
    const transfer *self = lua_touserdata(L, 2);
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD) {
        put_back(L, 2);
        return lua_error(L);
    }
    if (push_result(L, self) == 1)
        lua_pushnil(L);
    lua_pushboolean(L, aci_transfer_began(self->core));
    lua_pushnumber(L, aci_transfer_seconds(self->core));
    put_back(L, 2);
    return 4;
}

/* exchange(plan) -> response | nil, err, began, seconds: start, wait, result and close in one;
 * began is nil where nothing could be started */
static int http_exchange(lua_State *L) {
    int refused;
    aci_wait_check(L);
    lua_settop(L, 1);
    refused = begin(L, take_spare(L));
    if (refused)
        return refused;
    lua_pushcfunction(L, aci_scheduler_wait);
    lua_pushvalue(L, 2);
    return exchange_over(L, lua_pcallk(L, 1, 0, 0, 0, exchange_over), 0);
}

/* ---- the module ---- */

/* Finalisers run youngest first, so this one, made at the opening, comes after all transfers. */
static int connections__gc(lua_State *L) {
    (void)L;
    aci_transfer_close_all();
    return 0;
}

/* Once, even when the module is opened again: its end ends what still runs. */
static void anchor_connections(lua_State *L) {
    if (lua_getfield(L, LUA_REGISTRYINDEX, "aci.http.kept") == LUA_TNIL) {
        lua_newuserdatauv(L, 0, 0);
        aci_type(L, "aci.http.connections", NULL, connections__gc);
        lua_setmetatable(L, -2);
        lua_setfield(L, LUA_REGISTRYINDEX, "aci.http.kept");
    }
    lua_pop(L, 1);
}

/* http.connections(per_host) */
static int http_connections(lua_State *L) {
    lua_Integer most = luaL_checkinteger(L, 1);
    luaL_argcheck(L, most >= 0 && most <= 10000, 1, "must be 0 (no limit) to 10000");
    aci_transfer_connections((long)most);
    return 0;
}

int luaopen_aci_http(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"result", transfer_result},   {"read", transfer_read},   {"hungry", transfer_hungry},
        {"give", transfer_give},       {"ended", transfer_ended}, {"began", transfer_began},
        {"seconds", transfer_seconds}, {"close", transfer_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"check", http_check},
                                         {"take", http_take},
                                         {"connections", http_connections},
                                         {"start", http_start},
                                         {NULL, NULL}};
    anchor_connections(L);
    aci_waitable_type(L, TYPE, methods, transfer_close);
    lua_pushcfunction(L, transfer__gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, functions);
    lua_pushnil(L);
    lua_pushcclosure(L, http_exchange, 1);
    lua_setfield(L, -2, "exchange");
    http_text_register(L);
    return 1;
}
