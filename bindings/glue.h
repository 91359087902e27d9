/* What the glue files share: options, errors, guards, secrets, waitables.
 * All of these may raise; see anchors 6 for the order READ, OWN, DO, TELL. */
#ifndef ACI_GLUE_H
#define ACI_GLUE_H

#include <stdbool.h>
#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

#include "core/loop.h"

/* ---- errors of the world: an aci.error object (a table with the metatable "aci.error") ---- */

/* Pushes the object {kind, code, message}; code may be NULL. Texts are copied, never formats. */
void aci_error_push(lua_State *L, const char *kind, const char *code, const char *message);

/* Pushes nil and the object; returns 2. */
int aci_fail(lua_State *L, const char *kind, const char *code, const char *message);

/* nil and an object for errno value `number` ("what path: reason"); kind not_found for ENOENT. */
int aci_fail_errno(lua_State *L, const char *what, const char *path, int number);

/* Raises the object. */
int aci_raise(lua_State *L, const char *kind, const char *code, const char *message);

/* ---- option tables ---- */

/* The argument must be a table whose keys are all in `names` (ends with NULL); a misspelt one
 * raises, naming the nearest. */
void aci_options_check(lua_State *L, int index, const char *const *names);

/* One option each; missing gives `otherwise`, a wrong type raises naming the key. A string
 * stays anchored by the option table. */
const char *aci_opt_string(lua_State *L, int index, const char *key, const char *otherwise);
lua_Integer aci_opt_integer(lua_State *L, int index, const char *key, lua_Integer otherwise);
lua_Number aci_opt_number(lua_State *L, int index, const char *key, lua_Number otherwise);
bool aci_opt_boolean(lua_State *L, int index, const char *key, bool otherwise);

/* The name in `names` (ends with NULL) that is nearest to `name`, or NULL when none is near. */
const char *aci_nearest(const char *name, const char *const *names);

/* ---- guard: a to-be-closed slot that owns one foreign thing ---- */

/* Pushes the guard; put the owned pointer into *result. `release` runs once, at the function's
 * end or its error. Keep it below the results; take the thing out by setting it to NULL. */
void **aci_guard(lua_State *L, void (*release)(void *thing));

/* ---- secrets ---- */

void aci_secret_push(lua_State *L, const void *bytes, size_t length);

/* The bytes of a secret, or NULL when the value is none. */
const char *aci_secret_test(lua_State *L, int index, size_t *length);

/* String or secret; raises for all else. */
const char *aci_bytes(lua_State *L, int index, size_t *length);

/* ---- waitables ---- */

/* Userdata whose first member is aci_wait; the metatable named `type` must exist (made by
 * aci_waitable_type). Zeroed. */
void *aci_waitable_new(lua_State *L, size_t size, const char *type, int user_values);

/* Makes and pushes the metatable `type` with methods, metamethods and the mark of a waitable.
 * `close` is both __gc and __close. Either list may be NULL. */
void aci_waitable_type(lua_State *L, const char *type, const luaL_Reg *methods,
                       lua_CFunction close);

/* The same for a userdata that nobody waits for. */
void aci_type(lua_State *L, const char *type, const luaL_Reg *methods, lua_CFunction close);

#endif
