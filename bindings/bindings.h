/* The openers of the modules, one each; the table of them is in bindings.c. */
#ifndef ACI_BINDINGS_H
#define ACI_BINDINGS_H

#include <stdbool.h>

#include <lua.h>

/* Makes every module of the program loadable by `require` in this state; opens none.
 * The modules of the net library are found beside the program at their first use. */
void aci_preload(lua_State *L);

/* Ends every task that still runs, so that its <close> variables are closed; called by the
 * host before the state is closed and by os.exit. */
void aci_tasks_cancel_all(lua_State *L);

/* Puts pcall, xpcall, coroutine.resume, coroutine.wrap, os.execute and os.exit in their
 * interruptible forms into the globals and installs the handler of Ctrl-C. */
void aci_interruptible(lua_State *L);

/* After an interrupt was reported and the program goes on: the next press is a first one.
 */
void aci_interrupt_listen(void);

/* Did Ctrl-C end the main chunk? Also when a clean-up raised an error of its own on the way. */
bool aci_interrupted(void);

/* Waits in the calling Lua thread for something that C owns, with tasks running; raises as
 * task.wait does. */
struct aci_wait;
void aci_wait_here(lua_State *L, struct aci_wait *wait);

/* Masks in the string at the index every live secret that secret.new has made. */
void aci_secret_conceal(lua_State *L, int index);

/* Is the value an aci.error object? */
bool aci_error_is(lua_State *L, int index);

/* The program's exit code for an error value (design.md's table); 1 for what is no aci.error. */
int aci_error_exit_code(lua_State *L, int index);

int luaopen_aci_archive(lua_State *L);
int luaopen_aci_clock(lua_State *L);
int luaopen_aci_crypto(lua_State *L);
int luaopen_aci_error(lua_State *L);
int luaopen_aci_fs(lua_State *L);
int luaopen_aci_http(lua_State *L);
int luaopen_aci_json(lua_State *L);
int luaopen_aci_process(lua_State *L);
int luaopen_aci_secret(lua_State *L);
int luaopen_aci_server(lua_State *L);
int luaopen_aci_spawn(lua_State *L);
int luaopen_aci_store(lua_State *L);
int luaopen_aci_task(lua_State *L);
int luaopen_aci_template(lua_State *L);
int luaopen_aci_term(lua_State *L);
int luaopen_aci_xml(lua_State *L);

#endif
