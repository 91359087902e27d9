/* The part of aci.crypto that knows Azure Storage: what is signed for Shared Key and for a SAS. */
#include "crypto.h"
#include "glue.h"

#include <stdlib.h>
#include <string.h>

#include "core/sas.h"
#include "core/sharedkey.h"

#define MOST_HEADERS 100

static void text_free(void *thing) {
    aci_emit_free(thing);
    free(thing);
}

/* The text of an option, NULL where it is not given; the option table keeps it alive. */
static aci_text maybe_text(lua_State *L, const char *key) {
    aci_text found = {aci_opt_string(L, 1, key, NULL), 0};
    if (found.at) {
        lua_getfield(L, 1, key);
        found.length = lua_rawlen(L, -1);
        lua_pop(L, 1);
    }
    return found;
}

static aci_text text_option(lua_State *L, const char *key) {
    aci_text found = maybe_text(L, key);
    if (!found.at) {
        luaL_error(L, "option '%s' is missing", key);
    }
    return found;
}

static aci_text text_at(lua_State *L, int index, const char *what) {
    size_t length;
    if (lua_type(L, index) != LUA_TSTRING) {
        luaL_error(L, "header %s must be strings, got a %s", what, luaL_typename(L, index));
    }
    const char *text = lua_tolstring(L, index, &length);
    return (aci_text){text, length};
}

/* The option `headers`; its table keeps the texts alive. */
static size_t read_headers(lua_State *L, aci_shared_header *headers) {
    size_t count = 0;
    if (lua_getfield(L, 1, "headers") == LUA_TNIL) {
        return 0;
    }
    if (!lua_istable(L, -1)) {
        luaL_error(L, "option 'headers' must be a table");
    }
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (count == MOST_HEADERS) {
            luaL_error(L, "more than 100 headers");
        }
        headers[count].name = text_at(L, -2, "names");
        headers[count++].value = text_at(L, -1, "values");
    }
    lua_pop(L, 1);
    return count;
}

/* An empty text that a guard owns. */
static aci_emit *new_text(lua_State *L) {
    void **slot = aci_guard(L, text_free);
    aci_emit *out = *slot = calloc(1, sizeof *out);
    if (!out) {
        luaL_error(L, "not enough memory");
    }
    return out;
}

static int push_text(lua_State *L, const aci_emit *out) {
    if (out->fault) {
        return luaL_error(L, "%s", out->fault);
    }
    lua_pushlstring(L, out->text, out->length);
    return 1;
}

/* crypto.shared_key_string{method =, account =, target =, headers =} -> the text to sign */
static int crypto_shared_key_string(lua_State *L) {
    static const char *const names[] = {"method", "account", "target", "headers", NULL};
    aci_shared_header headers[MOST_HEADERS];
    aci_options_check(L, 1, names);
    aci_shared_request request = {text_option(L, "method"), text_option(L, "account"),
                                  text_option(L, "target"), headers, read_headers(L, headers)};

    aci_emit *out = new_text(L);

    aci_shared_key_text(&request, out);

    return push_text(L, out);
}

static aci_sas read_sas(lua_State *L) {
    aci_sas sas = {
        text_option(L, "account"), text_option(L, "container"), maybe_text(L, "blob"), {{0}}};
    for (size_t i = 0; i < ACI_SAS_FIELDS; i++) {
        sas.fields[i] = maybe_text(L, aci_sas_names[i]);
    }
    return sas;
}

/* crypto.service_sas_string{account =, container =, blob =, sp =, se =, ...} -> the text to sign */
static int crypto_service_sas_string(lua_State *L) {
    const char *names[3 + ACI_SAS_FIELDS + 1] = {"account", "container", "blob"};
    memcpy(names + 3, aci_sas_names, sizeof aci_sas_names);
    aci_options_check(L, 1, names);
    aci_sas sas = read_sas(L);

    aci_emit *out = new_text(L);

    aci_sas_text(&sas, out);

    return push_text(L, out);
}

void aci_crypto_shared(lua_State *L) {
    lua_pushcfunction(L, crypto_shared_key_string);
    lua_setfield(L, -2, "shared_key_string");
    lua_pushcfunction(L, crypto_service_sas_string);
    lua_setfield(L, -2, "service_sas_string");
}
