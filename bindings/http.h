/* The parts of aci._http: http.c has the transfers. */
#ifndef ACI_HTTP_H
#define ACI_HTTP_H

#include <lua.h>

/* check(options): raises what is wrong with them. The Lua half calls it by pcall and raises the
 * message again where its own caller is. */
int http_check(lua_State *L);

/* Adds the functions for URLs and retries to the module at the top of the stack. */
void http_text_register(lua_State *L);

#endif
