/* Between server.c, server_request.c and server_fields.c. */
#ifndef ACI_SERVER_GLUE_H
#define ACI_SERVER_GLUE_H

#include "core/server.h"

#include <lua.h>

/* Pushes the next request; false when there is none yet; nothing when the server is closed. */
int aci_request_take(lua_State *L, aci_server *server);

/* Adds to the module at the top what it has for requests. */
void aci_request_open(lua_State *L);

/* The lines of a table of header fields, checked; they are left on the stack. nil: none. Numbers
 * in the table stay numbers: only their copies on the stack become text. */
aci_span aci_answer_fields(lua_State *L, int index);

#endif
