/* aci.secret: bytes that print as <secret>, are wiped when collected and are in no core dump. */
#include "bindings.h"
#include "core/private.h"
#include "glue.h"

#include <string.h>

#define TYPE "aci.secret"

/* Shorter ones are not looked for in text: they would be found in words that mean something else.
 */
#define SHORTEST 6

typedef struct secret {
    struct secret *next, **link; /* among those that are looked for in text; link NULL: not there */
    size_t length;
    char bytes[];
} secret;

static secret *known; /* of all states of the process */

static void make_known(secret *self) {
    if (self->length < SHORTEST)
        return;
    self->next = known;
    self->link = &known;
    if (known)
        known->link = &self->next;
    known = self;
}

static void forget(secret *self) {
    if (!self->link)
        return;
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->link = NULL;
}

static int secret_wipe(lua_State *L) {
    secret *self = luaL_checkudata(L, 1, TYPE);
    forget(self);
    explicit_bzero(self->bytes, self->length);
    self->length = 0;
    return 0;
}

static secret *push_room(lua_State *L, size_t length) {
    secret *self = lua_newuserdatauv(L, sizeof *self + length + 1, 0);
    self->length = length;
    self->link = NULL;
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

static bool push_secret(lua_State *L) {
    size_t length;
    const char *bytes = aci_bytes(L, 1, &length);
    if (!aci_secret_test(L, 1, NULL)) {
        aci_secret_push(L, bytes, length);
        return true;
    }
    lua_settop(L, 1);
    return false;
}

/* secret.new(text) -> secret; a secret is returned as it is */
static int secret_new(lua_State *L) {
    if (push_secret(L))
        make_known(lua_touserdata(L, -1));
    return 1;
}

/* secret.formal(text) -> secret: one that is not looked for in text, since it is called secret here
 * and stands openly elsewhere */
static int secret_formal(lua_State *L) {
    push_secret(L);
    return 1;
}

/* The longest known secret that stands at the beginning of the text, or 0. */
static size_t known_at(const char *text, size_t left) {
    size_t longest = 0;
    for (const secret *each = known; each; each = each->next)
        if (each->length > longest && each->length <= left && each->bytes[0] == *text &&
            memcmp(each->bytes, text, each->length) == 0)
            longest = each->length;
    return longest;
}

void aci_secret_conceal(lua_State *L, int index) {
    luaL_Buffer shown;
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (!known)
        return;
    index = lua_absindex(L, index);
    luaL_buffinit(L, &shown);
    for (size_t at = 0, hidden; at < length; at += hidden ? hidden : 1) {
        hidden = known_at(text + at, length - at);
        if (hidden)
            luaL_addstring(&shown, "<secret>");
        else
            luaL_addchar(&shown, text[at]);
    }
    luaL_pushresult(&shown);
    lua_replace(L, index);
}

/* secret.conceal(text) -> text in which every known secret that still lives is "<secret>" */
static int secret_conceal(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    aci_secret_conceal(L, 1);
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
                                         {"formal", secret_formal},
                                         {"conceal", secret_conceal},
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
