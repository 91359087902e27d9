/* aci.crypto: digests, encodings, identifiers here; keys and certificates in crypto_keys.c,
 * digests of pieces in crypto_pieces.c.
 *
 *     crypto.hex(crypto.sha256("abc")) == "ba7816bf..."
 *
 * Digests and signatures are raw bytes. What is only another spelling of a secret is a secret:
 * hex, base64 and back. Nothing here owns foreign memory: results fit buffers of known size. */
#include "crypto.h"
#include "bindings.h"
#include "glue.h"

#include <stdlib.h>
#include <string.h>

#include "core/encode.h"

#define UUID_ROOM 36
#define RANDOM_MOST (1 << 20)

aci_view aci_crypto_view(lua_State *L, int index) {
    size_t length;
    const char *bytes = aci_bytes(L, index, &length);
    return (aci_view){bytes, length};
}

void *aci_crypto_hold(lua_State *L, size_t size, void (*release)(void *)) {
    void **slot = aci_guard(L, release);
    *slot = calloc(1, size);
    if (!*slot)
        luaL_error(L, "not enough memory");
    return *slot;
}

/* --- digests ------------------------------------------------------------------------------ */

static int push_digest(lua_State *L, const unsigned char *bytes, size_t length) {
    if (length == 0) {
        return luaL_error(L, "OpenSSL refused the digest");
    }
    lua_pushlstring(L, (const char *)bytes, length);
    return 1;
}

static int digest(lua_State *L, aci_digest kind) {
    unsigned char out[ACI_DIGEST_ROOM];
    return push_digest(L, out, aci_digest_write(kind, aci_crypto_view(L, 1), out));
}

/* crypto.md5(data) -> 16 bytes */
static int crypto_md5(lua_State *L) {
    return digest(L, ACI_MD5);
}

/* crypto.sha1(data) -> 20 bytes */
static int crypto_sha1(lua_State *L) {
    return digest(L, ACI_SHA1);
}

/* crypto.sha256(data) -> 32 bytes */
static int crypto_sha256(lua_State *L) {
    return digest(L, ACI_SHA256);
}

/* crypto.sha512(data) -> 64 bytes */
static int crypto_sha512(lua_State *L) {
    return digest(L, ACI_SHA512);
}

/* crypto.hmac_sha256(key, data) -> 32 bytes */
static int crypto_hmac_sha256(lua_State *L) {
    unsigned char out[ACI_DIGEST_ROOM];
    aci_view key = aci_crypto_view(L, 1), data = aci_crypto_view(L, 2);
    return push_digest(L, out, aci_hmac_write(ACI_SHA256, key, data, out));
}

/* crypto.equal(a, b) -> boolean, in constant time */
static int crypto_equal(lua_State *L) {
    lua_pushboolean(L, aci_same_bytes(aci_crypto_view(L, 1), aci_crypto_view(L, 2)));
    return 1;
}

/* --- encodings ---------------------------------------------------------------------------- */

typedef bool (*recode)(aci_view from, char *out, size_t *written);

static bool to_hex(aci_view from, char *out, size_t *written) {
    *written = aci_hex_write(from.bytes, from.length, out);
    return true;
}

static bool from_hex(aci_view from, char *out, size_t *written) {
    return aci_hex_read(from.bytes, from.length, out, written);
}

static bool to_base64(aci_view from, char *out, size_t *written) {
    *written = aci_base64_write(ACI_BASE64, from.bytes, from.length, out);
    return true;
}

static bool from_base64(aci_view from, char *out, size_t *written) {
    return aci_base64_read(ACI_BASE64, from.bytes, from.length, out, written);
}

static bool to_base64url(aci_view from, char *out, size_t *written) {
    *written = aci_base64_write(ACI_BASE64_URL, from.bytes, from.length, out);
    return true;
}

static bool from_base64url(aci_view from, char *out, size_t *written) {
    return aci_base64_read(ACI_BASE64_URL, from.bytes, from.length, out, written);
}

/* Argument 1 in another spelling, string or secret as it was; what it should have been, if not. */
static int respell(lua_State *L, recode change, const char *expected) {
    aci_view from = aci_crypto_view(L, 1);
    size_t room = 2 * from.length + 4, written; /* enough for each of them */
    char *out = lua_newuserdatauv(L, room, 0);
    if (!change(from, out, &written)) {
        explicit_bzero(out, room);
        lua_pushfstring(L, "the text is not %s", expected);
        return aci_fail(L, "invalid", NULL, lua_tostring(L, -1));
    }
    if (aci_secret_test(L, 1, NULL)) {
        aci_secret_push(L, out, written);
        explicit_bzero(out, written);
    } else {
        lua_pushlstring(L, out, written);
    }
    return 1;
}

/* crypto.hex(bytes) -> text */
static int crypto_hex(lua_State *L) {
    return respell(L, to_hex, "");
}

/* crypto.unhex(text) -> bytes | nil, err */
static int crypto_unhex(lua_State *L) {
    return respell(L, from_hex, "hex");
}

/* crypto.base64(bytes) -> text */
static int crypto_base64(lua_State *L) {
    return respell(L, to_base64, "");
}

/* crypto.unbase64(text) -> bytes | nil, err */
static int crypto_unbase64(lua_State *L) {
    return respell(L, from_base64, "base64");
}

/* crypto.base64url(bytes) -> text without padding */
static int crypto_base64url(lua_State *L) {
    return respell(L, to_base64url, "");
}

/* crypto.unbase64url(text) -> bytes | nil, err */
static int crypto_unbase64url(lua_State *L) {
    return respell(L, from_base64url, "base64url");
}

/* --- random and identifiers --------------------------------------------------------------- */

static void fill_random(lua_State *L, void *out, size_t length) {
    if (!aci_random(out, length)) {
        luaL_error(L, "the kernel gives no random bytes");
    }
}

/* crypto.random(n) -> n bytes fit for keys */
static int crypto_random(lua_State *L) {
    luaL_Buffer buffer;
    lua_Integer length = luaL_checkinteger(L, 1);
    luaL_argcheck(L, length >= 0 && length <= RANDOM_MOST, 1, "0 to 1048576 bytes");
    char *out = luaL_buffinitsize(L, &buffer, (size_t)length);
    fill_random(L, out, (size_t)length);
    luaL_pushresultsize(&buffer, (size_t)length);
    return 1;
}

/* RFC 4122's text of 16 bytes, whose version and variant bits are set here. */
static int push_uuid(lua_State *L, unsigned char *bytes, unsigned version) {
    static const unsigned char dashes[] = {4, 6, 8, 10, 16};
    char text[UUID_ROOM], *to = text;
    bytes[6] = (unsigned char)((bytes[6] & 15) | version << 4);
    bytes[8] = (unsigned char)((bytes[8] & 63) | 128);
    for (size_t group = 0, from = 0; group < sizeof dashes; from = dashes[group++]) {
        if (group) {
            *to++ = '-';
        }
        to += aci_hex_write(bytes + from, dashes[group] - from, to);
    }
    lua_pushlstring(L, text, UUID_ROOM);
    return 1;
}

/* crypto.uuid4() -> a random UUID */
static int crypto_uuid4(lua_State *L) {
    unsigned char bytes[16];
    fill_random(L, bytes, sizeof bytes);
    return push_uuid(L, bytes, 4);
}

static bool read_uuid(aci_view text, unsigned char *bytes) {
    static const unsigned char dashes[] = {8, 13, 18, 23};
    char digits[32];
    size_t count = 0, dash = 0, written;
    for (size_t i = 0; text.length == UUID_ROOM && i < UUID_ROOM; i++) {
        char c = ((const char *)text.bytes)[i];
        if (dash < sizeof dashes && i == dashes[dash]) {
            dash += c == '-' ? 1 : sizeof dashes + 1;
        } else if (count < sizeof digits) {
            digits[count++] = c;
        }
    }
    return dash == sizeof dashes && count == sizeof digits &&
           aci_hex_read(digits, sizeof digits, bytes, &written);
}

/* crypto.uuid5(namespace, name) -> the UUID of the name in that namespace (itself a UUID) */
static int crypto_uuid5(lua_State *L) {
    aci_view namespace = aci_crypto_view(L, 1), name = aci_crypto_view(L, 2);
    luaL_Buffer both;
    unsigned char bytes[16], hash[ACI_DIGEST_ROOM];
    luaL_argcheck(L, read_uuid(namespace, bytes), 1, "not a UUID");
    char *joined = luaL_buffinitsize(L, &both, sizeof bytes + name.length);
    memcpy(joined, bytes, sizeof bytes);
    memcpy(joined + sizeof bytes, name.bytes, name.length);
    aci_view all = {joined, sizeof bytes + name.length};
    if (aci_digest_write(ACI_SHA1, all, hash) == 0) {
        return luaL_error(L, "OpenSSL refused SHA-1");
    }
    return push_uuid(L, hash, 5);
}

int luaopen_aci_crypto(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"md5", crypto_md5},
        {"sha1", crypto_sha1},
        {"sha256", crypto_sha256},
        {"sha512", crypto_sha512},
        {"hmac_sha256", crypto_hmac_sha256},
        {"equal", crypto_equal},
        {"hex", crypto_hex},
        {"unhex", crypto_unhex},
        {"base64", crypto_base64},
        {"unbase64", crypto_unbase64},
        {"base64url", crypto_base64url},
        {"unbase64url", crypto_unbase64url},
        {"random", crypto_random},
        {"uuid4", crypto_uuid4},
        {"uuid5", crypto_uuid5},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    aci_crypto_files(L);
    aci_crypto_keys(L);
    aci_crypto_pieces(L);
    aci_crypto_shared(L);
    return 1;
}
