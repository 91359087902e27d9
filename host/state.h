/* Making a lua_State with everything a script may require. */
#ifndef ACI_STATE_H
#define ACI_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

/* One Lua source of the program itself; the table ends with a NULL name (made by embed.cmake). */
struct aci_source_text {
    const char *module;
    const unsigned char *text;
    size_t size;
};
extern const struct aci_source_text aci_embedded[];
extern const struct aci_source_text aci_reference[]; /* bindings/meta: help() reads it */

/* The text of that name in one of the tables, or NULL. */
const struct aci_source_text *aci_text_find(const struct aci_source_text *table, const char *name);

/* Makes "aci._texts" loadable: source(module), reference(name), references(). */
void aci_texts_preload(lua_State *L);

/* Opens the libraries, the searcher of the embedded modules, and the interruptible functions.
 * `no_environment` is lua's -E. */
void aci_state_open(lua_State *L, bool no_environment);

#endif
