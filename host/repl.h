/* Reading, evaluating and printing lines on a terminal (and standard input as a file). */
#ifndef ACI_REPL_H
#define ACI_REPL_H

#include <lua.h>

void aci_repl(lua_State *L);

#endif
