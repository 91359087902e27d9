/* aci.secret: bytes that print as <secret>, are wiped when collected and are in no core dump. */
#include "bindings.h"
#include "core/private.h"
#include "glue.h"

#include <string.h>

#define TYPE "aci.secret"

typedef struct secret {
    size_t length;
    char bytes[];
} secret;

static int secret_wipe(lua_State *L) {
    secret *self = luaL_checkudata(L, 1, TYPE);
    explicit_bzero(self->bytes, self->length);
    self->length = 0;
    return 0;
}

static secret *push_room(lua_State *L, size_t length) {
    secret *self = lua_newuserdatauv(L, sizeof *self + length + 1, 0);
    self->length = length;
    memset(self->bytes, 0, length + 1);
    luaL_setmetatable(L, TYPE);
    aci_memory_private();
    return self;
}

void aci_secret_push(lua_State *L, const void *bytes, size_t length) {
    luaL_requiref(L, TYPE, luaopen_aci_secret, 0);
    lua_pop(L, 1);
    secret *self = push_room(L, length);
    memcpy(self->bytes, bytes, length);
}

const char *aci_secret_test(lua_State *L, int index, size_t *length) {
    secret *self = luaL_testudata(L, index, TYPE);
    if (!self)
        return NULL;
    if (length)
        *length = self->length;
    return self->bytes;
}

/* secret.new(text) -> secret; a secret is returned as it is */
static int secret_new(lua_State *L) {
    size_t length;
    const char *bytes = aci_bytes(L, 1, &length);
    if (aci_secret_test(L, 1, NULL))
        lua_settop(L, 1);
    else
        aci_secret_push(L, bytes, length);
    return 1;
}

/* secret.reveal(secret) -> string: only where a request or a file needs the bytes */
static int secret_reveal(lua_State *L) {
    secret *self = luaL_checkudata(L, 1, TYPE);
    lua_pushlstring(L, self->bytes, self->length);
    return 1;
}

/* secret.is(value) -> boolean */
static int secret_is(lua_State *L) {
    lua_pushboolean(L, luaL_testudata(L, 1, TYPE) != NULL);
    return 1;
}

/* secret.equal(a, b) -> boolean, in constant time; strings or secrets */
static int secret_equal(lua_State *L) {
    size_t la, lb;
    const char *a = aci_bytes(L, 1, &la), *b = aci_bytes(L, 2, &lb);
    unsigned char differ = la != lb;
    for (size_t i = 0; i < la && i < lb; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    lua_pushboolean(L, !differ);
    return 1;
}

static int secret__concat(lua_State *L) {
    size_t la, lb;
    const char *a = aci_bytes(L, 1, &la), *b = aci_bytes(L, 2, &lb);
    secret *joined = push_room(L, la + lb);
    memcpy(joined->bytes, a, la);
    memcpy(joined->bytes + la, b, lb);
    return 1;
}

static int secret__len(lua_State *L) {
    secret *self = luaL_checkudata(L, 1, TYPE);
    lua_pushinteger(L, (lua_Integer)self->length);
    return 1;
}

static int secret__tostring(lua_State *L) {
    lua_pushliteral(L, "<secret>");
    return 1;
}

int luaopen_aci_secret(lua_State *L) {
    static const luaL_Reg functions[] = {{"new", secret_new},
                                         {"reveal", secret_reveal},
                                         {"is", secret_is},
                                         {"equal", secret_equal},
                                         {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__concat", secret__concat},
                                           {"__len", secret__len},
                                           {"__eq", secret_equal},
                                           {"__tostring", secret__tostring},
                                           {NULL, NULL}};
    aci_type(L, TYPE, NULL, secret_wipe);
    luaL_setfuncs(L, metamethods, 0);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    luaL_newlib(L, functions);
    return 1;
}
