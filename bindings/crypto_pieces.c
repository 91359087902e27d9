/* aci.crypto: the digest of bytes that come in pieces.
 *
 *     local sum = crypto.digest "md5"
 *     for piece in next_piece do sum:add(piece) end
 *     print(crypto.hex(sum:value()))
 */
#include "crypto.h"
#include "glue.h"

#include <lauxlib.h>

#define TYPE "aci.crypto.digest"

typedef struct pieces {
    void *digest;
} pieces;

static pieces *check(lua_State *L) {
    return luaL_checkudata(L, 1, TYPE);
}

/* crypto.digest("md5" | "sha1" | "sha256" | "sha512") -> digest */
static int crypto_digest(lua_State *L) {
    static const char *const names[] = {"md5", "sha1", "sha256", "sha512", NULL};
    static const aci_digest kinds[] = {ACI_MD5, ACI_SHA1, ACI_SHA256, ACI_SHA512};
    aci_digest kind = kinds[luaL_checkoption(L, 1, NULL, names)];

    pieces *self = lua_newuserdatauv(L, sizeof *self, 0);
    self->digest = NULL;
    luaL_setmetatable(L, TYPE);

    self->digest = aci_digest_begin(kind);

    return self->digest ? 1 : luaL_error(L, "OpenSSL refused the digest");
}

/* digest:add(data) -> digest */
static int digest_add(lua_State *L) {
    pieces *self = check(L);
    aci_view data = aci_crypto_view(L, 2);

    bool ok = aci_digest_add(self->digest, data);

    if (!ok) {
        return luaL_error(L, "OpenSSL refused the data");
    }
    lua_settop(L, 1);
    return 1;
}

/* digest:value() -> bytes */
static int digest_value(lua_State *L) {
    unsigned char out[ACI_DIGEST_ROOM];
    pieces *self = check(L);

    size_t length = aci_digest_value(self->digest, out);

    if (length == 0) {
        return luaL_error(L, "OpenSSL refused the digest");
    }
    lua_pushlstring(L, (const char *)out, length);
    return 1;
}

static int digest_gc(lua_State *L) {
    pieces *self = check(L);
    aci_digest_free(self->digest);
    self->digest = NULL;
    return 0;
}

void aci_crypto_pieces(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"add", digest_add}, {"value", digest_value}, {"__gc", digest_gc}, {NULL, NULL}};
    if (luaL_newmetatable(L, TYPE)) {
        luaL_setfuncs(L, methods, 0);
        lua_pushvalue(L, -1);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, crypto_digest);
    lua_setfield(L, -2, "digest");
}
