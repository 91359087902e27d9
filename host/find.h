/* Which file a script's name means, and where the program's own scripts are. */
#ifndef ACI_FIND_H
#define ACI_FIND_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the folder of the installed scripts (in a build tree: the repository's), or nil. */
void aci_scripts_push(lua_State *L);

/* Pushes the file that `name` means and returns it. With a '/' it is that file; NAME.lua in this
 * folder; else NAME.lua in ./scripts and the installed scripts. What is nowhere stays as it is,
 * so that opening it gives lua's own message. */
const char *aci_script_find(lua_State *L, const char *name);

/* Pushes the script of ours whose name is near, or nil; for messages about a name that is none. */
const char *aci_script_near(lua_State *L, const char *name);

/* Adds two searchers: package.beside is looked on before package.path, package.scripts after it.
 * package.path itself stays as in lua. */
void aci_scripts_searchers(lua_State *L);

/* Sets package.beside (the script's own folder; empty without a script) and package.scripts (that
 * folder, ./scripts and the installed scripts), both in the form of package.path. For an installed
 * script ./scripts comes before its own folder, so that a step copied out alone is the one used. */
void aci_scripts_path(lua_State *L, const char *script, bool installed);

/* --eject NAME: copies a script, step or template out for editing. Returns the exit code. */
int aci_eject(lua_State *L, const char *program, const char *name);

#endif
