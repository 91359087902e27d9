/* What the parts of aci.crypto share. */
#ifndef ACI_CRYPTO_H
#define ACI_CRYPTO_H

#include <lua.h>

#include "core/sign.h"

/* The string or secret at an argument, as a view; raises for all else. */
aci_view aci_crypto_view(lua_State *L, int index);

/* Zeroed memory for what one call may own; `release` frees it and what is in it, once, whatever
 * happens. */
void *aci_crypto_hold(lua_State *L, size_t size, void (*release)(void *));

/* Add the functions of crypto_files.c, crypto_keys.c, crypto_pieces.c and crypto_shared.c to the
 * table on top. */
void aci_crypto_files(lua_State *L);
void aci_crypto_keys(lua_State *L);
void aci_crypto_pieces(lua_State *L);
void aci_crypto_shared(lua_State *L);

#endif
