/* The one protected call into Lua, its message handler, and what its failure means. */
#ifndef ACI_RUN_H
#define ACI_RUN_H

#include <lua.h>

/* Calls the function below `arguments` values. Returns Lua's status; a failure leaves its value
 * on the stack: an aci.error object as it is, a string with a traceback. */
int aci_call(lua_State *L, int arguments, int results);

/* Prints the failure on top of the stack to standard error (after the program's name unless that is
 * NULL), pops it; returns the exit code. */
int aci_report(lua_State *L, const char *program);

#endif
