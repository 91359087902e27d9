/* The options of process.spawn: what the table says, put into an aci_launch. */
#ifndef ACI_SPAWN_OPTIONS_H
#define ACI_SPAWN_OPTIONS_H

#include <lua.h>

#include "core/launch.h"

enum { SPAWN_BUFFER = 64 * 1024 };

/* Raises unless the table at `options` is a right one; owns nothing. */
void spawn_check(lua_State *L, int options);

/* Fills a launch that is guarded, with a table that was checked: the program and what is around
 * it. Raises when memory runs out. */
void spawn_fill(lua_State *L, int options, aci_launch *launch);

/* Opens its streams; 0 or a negative errno with failed_at set: a file may be impossible to open. */
int spawn_fill_streams(lua_State *L, int options, aci_launch *launch);

/* The signal at an argument: "TERM", "SIGTERM", or a number. Raises for all else. */
int spawn_signal(lua_State *L, int index);

#endif
