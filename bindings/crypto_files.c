/* The part of aci.crypto that reads and writes the files certificates come in: PKCS#12 and PEM. */
#include "crypto.h"
#include "glue.h"

#include <stdlib.h>
#include <string.h>

#include "core/keybag.h"

#define LONGEST_PASSWORD 1023

/* Everything that one call may own. */
typedef struct holdings {
    aci_keybag bag;
    aci_blob out;
    aci_certificate_facts facts;
    aci_blob password; /* terminated; bytes is NULL where none was given */
    char error[ACI_SIGN_ERROR];
} holdings;

static void holdings_free(void *thing) {
    holdings *own = thing;
    aci_keybag_free(&own->bag);
    aci_blob_free(&own->out);
    aci_blob_free(&own->facts.der);
    aci_blob_free(&own->password);
    free(own);
}

/* The password at an argument; none for nil. */
static aci_view read_password(lua_State *L, int index) {
    aci_view text = {0};
    if (!lua_isnoneornil(L, index)) {
        text = aci_crypto_view(L, index);
        luaL_argcheck(L, text.length <= LONGEST_PASSWORD && !memchr(text.bytes, 0, text.length),
                      index, "a password has at most 1023 bytes, none of them zero");
    }
    return text;
}

/* A terminated copy of it, which is wiped with the holdings. */
static bool copy_password(holdings *own, aci_view text) {
    if (!text.bytes) {
        return true;
    }
    own->password.bytes = malloc(text.length + 1);
    if (!own->password.bytes) {
        return false;
    }
    memcpy(own->password.bytes, text.bytes, text.length);
    own->password.bytes[text.length] = 0;
    own->password.length = text.length + 1;
    return true;
}

static int push_bag(lua_State *L, const aci_keybag *bag) {
    lua_createtable(L, 0, 2);
    aci_secret_push(L, bag->key.bytes, bag->key.length);
    lua_setfield(L, -2, "key");
    lua_pushlstring(L, (const char *)bag->certificates.bytes, bag->certificates.length);
    lua_setfield(L, -2, "certificates");
    return 1;
}

/* Where nobody has said why, a copy could not be made. */
static int refuse(lua_State *L, const holdings *own) {
    return *own->error ? aci_fail(L, "invalid", "InvalidKey", own->error)
                       : luaL_error(L, "not enough memory");
}

typedef bool reader(aci_keybag *bag, aci_view bytes, const char *password, char *error);

static int read_bag(lua_State *L, reader *read) {
    aci_view bytes = aci_crypto_view(L, 1), password = read_password(L, 2);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    bool done = copy_password(own, password) &&
                read(&own->bag, bytes, (const char *)own->password.bytes, own->error);

    return done ? push_bag(L, &own->bag) : refuse(L, own);
}

/* crypto.read_pkcs12(bytes [, password]) -> {key = secret pem, certificates = pem} | nil, err */
static int crypto_read_pkcs12(lua_State *L) {
    return read_bag(L, aci_keybag_read);
}

/* crypto.read_pem(text [, password]) -> {key = secret pem, certificates = pem} | nil, err */
static int crypto_read_pem(lua_State *L) {
    return read_bag(L, aci_keybag_read_pem);
}

static bool copy_view(aci_blob *blob, aci_view view) {
    blob->bytes = malloc(view.length + 1);
    if (blob->bytes) {
        memcpy(blob->bytes, view.bytes, view.length);
        blob->length = view.length;
    }
    return blob->bytes;
}

/* crypto.write_pkcs12(key, certificates [, password]) -> secret bytes | nil, err */
static int crypto_write_pkcs12(lua_State *L) {
    aci_view key = aci_crypto_view(L, 1), certificates = aci_crypto_view(L, 2);
    aci_view password = read_password(L, 3);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    bool done =
        copy_password(own, password) && copy_view(&own->bag.key, key) &&
        copy_view(&own->bag.certificates, certificates) &&
        aci_keybag_write(&own->bag, (const char *)own->password.bytes, &own->out, own->error);

    if (!done) {
        return refuse(L, own);
    }
    aci_secret_push(L, own->out.bytes, own->out.length);
    return 1;
}

/* crypto.certificate_facts(pem) -> {der =, not_before =, not_after =, subject =} | nil, err */
static int crypto_certificate_facts(lua_State *L) {
    aci_view pem = aci_crypto_view(L, 1);
    holdings *own = aci_crypto_hold(L, sizeof(holdings), holdings_free);

    if (!aci_certificate_read(&own->facts, pem, own->error)) {
        return aci_fail(L, "invalid", "InvalidCertificate", own->error);
    }

    lua_createtable(L, 0, 4);
    lua_pushlstring(L, (const char *)own->facts.der.bytes, own->facts.der.length);
    lua_setfield(L, -2, "der");
    lua_pushinteger(L, own->facts.not_before);
    lua_setfield(L, -2, "not_before");
    lua_pushinteger(L, own->facts.not_after);
    lua_setfield(L, -2, "not_after");
    lua_pushstring(L, own->facts.subject);
    lua_setfield(L, -2, "subject");
    return 1;
}

void aci_crypto_files(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"read_pkcs12", crypto_read_pkcs12},
        {"read_pem", crypto_read_pem},
        {"write_pkcs12", crypto_write_pkcs12},
        {"certificate_facts", crypto_certificate_facts},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
