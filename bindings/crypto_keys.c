/* The part of aci.crypto that holds keys: RS256 and PS256, making keys, authorities and
 * certificates. Keys go in and out as PEM; the ones that come out are secrets. */
#include "crypto.h"
#include "glue.h"

#include <stdlib.h>
#include <time.h>

#include "core/encode.h"
#include "core/x509.h"

#define RSA_BITS 2048
#define MOST_NAMES 100

/* Everything that one call may own. */
typedef struct holdings {
    aci_blob first, second;
    aci_identity authority, identity;
    aci_pem pem;
    char error[ACI_X509_ERROR > ACI_SIGN_ERROR ? ACI_X509_ERROR : ACI_SIGN_ERROR];
} holdings;

static void holdings_free(void *thing) {
    holdings *own = thing;
    aci_blob_free(&own->first);
    aci_blob_free(&own->second);
    aci_identity_free(&own->authority);
    aci_identity_free(&own->identity);
    aci_pem_free(&own->pem);
    free(own);
}

/* --- keys and signatures ------------------------------------------------------------------ */

static int make_key(lua_State *L, int rsa_bits) {
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (!aci_key_make(rsa_bits, &own->first, own->error)) {
        return aci_fail(L, "failed", NULL, own->error);
    }

    aci_secret_push(L, own->first.bytes, own->first.length);
    return 1;
}

/* crypto.key() -> PEM of a new P-256 key, secret */
static int crypto_key(lua_State *L) {
    return make_key(L, 0);
}

/* crypto.rsa_key() -> PEM of a new RSA key of 2048 bits, secret */
static int crypto_rsa_key(lua_State *L) {
    return make_key(L, RSA_BITS);
}

static int sign(lua_State *L, aci_scheme scheme) {
    aci_view key = aci_crypto_view(L, 1), data = aci_crypto_view(L, 2);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (!aci_rsa_sign(scheme, key, data, &own->first, own->error)) {
        return aci_fail(L, "invalid", "InvalidKey", own->error);
    }

    lua_pushlstring(L, (const char *)own->first.bytes, own->first.length);
    return 1;
}

/* crypto.sign_rs256(key_pem, data) -> signature | nil, err */
static int crypto_sign_rs256(lua_State *L) {
    return sign(L, ACI_RS256);
}

/* crypto.sign_ps256(key_pem, data) -> signature | nil, err */
static int crypto_sign_ps256(lua_State *L) {
    return sign(L, ACI_PS256);
}

static int verify(lua_State *L, aci_scheme scheme) {
    aci_view key = aci_crypto_view(L, 1), data = aci_crypto_view(L, 2);
    aci_view signature = aci_crypto_view(L, 3);
    char error[ACI_SIGN_ERROR];
    int same = aci_rsa_verify(scheme, key, data, signature, error);
    if (same < 0) {
        return aci_fail(L, "invalid", "InvalidKey", error);
    }
    lua_pushboolean(L, same);
    return 1;
}

/* crypto.verify_rs256(pem, data, signature) -> boolean | nil, err */
static int crypto_verify_rs256(lua_State *L) {
    return verify(L, ACI_RS256);
}

/* crypto.verify_ps256(pem, data, signature) -> boolean | nil, err */
static int crypto_verify_ps256(lua_State *L) {
    return verify(L, ACI_PS256);
}

static void set_base64url(lua_State *L, const char *field, const aci_blob *blob) {
    luaL_Buffer text;
    char *room = luaL_buffinitsize(L, &text, (blob->length + 2) / 3 * 4);
    luaL_pushresultsize(&text, aci_base64_write(ACI_BASE64_URL, blob->bytes, blob->length, room));
    lua_setfield(L, -2, field);
}

/* crypto.public_jwk(pem) -> {kty = "RSA", n =, e =} | nil, err */
static int crypto_public_jwk(lua_State *L) {
    aci_view key = aci_crypto_view(L, 1);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (!aci_rsa_public(key, &own->first, &own->second, own->error)) {
        return aci_fail(L, "invalid", "InvalidKey", own->error);
    }

    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "RSA");
    lua_setfield(L, -2, "kty");
    set_base64url(L, "n", &own->first);
    set_base64url(L, "e", &own->second);
    return 1;
}

/* --- authorities and certificates --------------------------------------------------------- */

static int push_pem(lua_State *L, holdings *own) {
    if (aci_identity_print(&own->identity, &own->pem, own->error) != 0) {
        return aci_fail(L, "failed", NULL, own->error);
    }
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, own->pem.certificate, own->pem.certificate_len);
    lua_setfield(L, -2, "certificate");
    aci_secret_push(L, own->pem.key, own->pem.key_len);
    lua_setfield(L, -2, "key");
    return 1;
}

static long read_days(lua_State *L, lua_Integer otherwise) {
    lua_Integer days = aci_opt_integer(L, 1, "days", otherwise);
    luaL_argcheck(L, days >= 1 && days <= 36500, 1, "'days' must be 1 to 36500");
    return (long)days;
}

/* crypto.ca{name=, days=} -> {certificate = pem, key = secret pem} | nil, err */
static int crypto_ca(lua_State *L) {
    static const char *const names[] = {"name", "days", NULL};
    aci_options_check(L, 1, names);
    const char *name = aci_opt_string(L, 1, "name", NULL);
    luaL_argcheck(L, name, 1, "'name' is missing");
    long days = read_days(L, 365);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (aci_identity_ca(&own->identity, name, days, own->error) != 0) {
        return aci_fail(L, "invalid", NULL, own->error);
    }

    return push_pem(L, own);
}

/* crypto.login_certificate{name=, days=, from=} -> {certificate = pem, key = secret pem} | nil, err
 */
static int crypto_login_certificate(lua_State *L) {
    static const char *const names[] = {"name", "days", "from", NULL};
    aci_options_check(L, 1, names);
    const char *name = aci_opt_string(L, 1, "name", NULL);
    luaL_argcheck(L, name, 1, "'name' is missing");
    long days = read_days(L, 365);
    time_t from = (time_t)aci_opt_integer(L, 1, "from", (lua_Integer)time(NULL));
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (aci_identity_login(&own->identity, name, from, days, own->error) != 0) {
        return aci_fail(L, "invalid", NULL, own->error);
    }

    return push_pem(L, own);
}

/* The option `ca`, {certificate =, key =}, as views that its table keeps alive. */
static void read_authority(lua_State *L, aci_view *certificate, aci_view *key) {
    static const char *const names[] = {"certificate", "key", NULL};
    luaL_argcheck(L, lua_getfield(L, 1, "ca") == LUA_TTABLE, 1, "'ca' must be a table");
    aci_options_check(L, -1, names);
    lua_getfield(L, -1, "certificate");
    *certificate = aci_crypto_view(L, -1);
    lua_getfield(L, -2, "key");
    *key = aci_crypto_view(L, -1);
}

/* The option `names` as an array of strings, which stays on the stack with its strings. */
static const char *const *read_names(lua_State *L, size_t *count) {
    luaL_argcheck(L, lua_getfield(L, 1, "names") == LUA_TTABLE, 1, "'names' must be an array");
    lua_Unsigned length = lua_rawlen(L, -1);
    luaL_argcheck(L, length >= 1 && length <= MOST_NAMES, 1, "'names' must hold 1 to 100 names");
    const char **names = lua_newuserdatauv(L, length * sizeof *names, 0);
    luaL_checkstack(L, (int)length + LUA_MINSTACK, NULL);
    int list = lua_absindex(L, -2);
    for (lua_Unsigned i = 1; i <= length; i++) {
        if (lua_rawgeti(L, list, (lua_Integer)i) != LUA_TSTRING) {
            luaL_argerror(L, 1, "'names' must hold strings");
        }
        names[i - 1] = lua_tostring(L, -1);
    }
    *count = (size_t)length;
    return names;
}

/* crypto.certificate{ca=, names=, days=} -> {certificate = pem, key = secret pem} | nil, err */
static int crypto_certificate(lua_State *L) {
    static const char *const options[] = {"ca", "names", "days", NULL};
    aci_view certificate, key;
    size_t count;
    aci_options_check(L, 1, options);
    read_authority(L, &certificate, &key);
    const char *const *names = read_names(L, &count);
    long days = read_days(L, 90);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (aci_identity_parse(&own->authority, certificate.bytes, certificate.length, key.bytes,
                           key.length, own->error) != 0 ||
        aci_identity_leaf(&own->identity, &own->authority, names, count, days, own->error) != 0) {
        return aci_fail(L, "invalid", NULL, own->error);
    }

    return push_pem(L, own);
}

void aci_crypto_keys(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"key", crypto_key},
        {"rsa_key", crypto_rsa_key},
        {"sign_rs256", crypto_sign_rs256},
        {"verify_rs256", crypto_verify_rs256},
        {"sign_ps256", crypto_sign_ps256},
        {"verify_ps256", crypto_verify_ps256},
        {"public_jwk", crypto_public_jwk},
        {"ca", crypto_ca},
        {"certificate", crypto_certificate},
        {"login_certificate", crypto_login_certificate},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
