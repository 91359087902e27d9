/* Ctrl-C: one error object, raised once where Lua runs or waits. The script's pcall, xpcall and
 * coroutine functions are replaced by forms that pass this object (and that of a canceled task)
 * on, so no retry loop can keep it; <close> variables see it like any error. */
#include "bindings.h"
#include "core/interrupt.h"
#include "glue.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

#define INTERRUPT "aci.interrupt"
#define CANCEL "aci.cancel"

/* ---- the two objects ---- */

static void push_kept(lua_State *L, const char *key, const char *kind, const char *message) {
    luaL_checkstack(L, 6, NULL);
    if (lua_getfield(L, LUA_REGISTRYINDEX, key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    aci_error_push(L, kind, NULL, message);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, key);
}

bool aci_unstoppable(lua_State *L, int index) {
    bool same;
    if (!lua_istable(L, index))
        return false;
    index = lua_absindex(L, index);
    luaL_checkstack(L, 2, NULL);
    lua_getfield(L, LUA_REGISTRYINDEX, INTERRUPT);
    lua_getfield(L, LUA_REGISTRYINDEX, CANCEL);
    same = lua_rawequal(L, index, -1) || lua_rawequal(L, index, -2);
    lua_pop(L, 2);
    return same;
}

/* Whatever is raised in a finalizer becomes a warning, so there it does not count. */
static bool in_finalizer(lua_State *L) {
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame); level++)
        if (lua_getinfo(L, "n", &frame) && frame.name && strcmp(frame.name, "__gc") == 0 &&
            strcmp(frame.namewhat, "metamethod") == 0)
            return true;
    return false;
}

int aci_interrupt_raise(lua_State *L) {
    push_kept(L, INTERRUPT, "interrupted", "interrupted");
    if (in_finalizer(L)) {
        aci_interrupt_hook(); /* again, when it is over */
        return lua_error(L);
    }
    lua_sethook(L, NULL, 0, 0);
    if (aci_running)
        lua_sethook(aci_running, NULL, 0, 0);
    if (aci_in_main())
        aci_interrupt_clear(); /* clean-ups must be able to wait */
    aci_task_unwind();
    return lua_error(L);
}

int aci_cancel_raise(lua_State *L) {
    push_kept(L, CANCEL, "canceled", "canceled");
    return lua_error(L);
}

static void hook(lua_State *L, lua_Debug *activation) {
    (void)activation;
    lua_sethook(L, NULL, 0, 0);
    if (aci_interrupt_pending()) /* else somebody has raised it already */
        aci_interrupt_raise(L);
}

void aci_interrupt_hook(void) {
    lua_State *L = aci_running;
    if (L)
        lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void aci_interrupt_listen(void) {
    aci_interrupt_clear();
    aci_interrupt_install(aci_interrupt_hook);
}

/* ---- pcall, xpcall ---- */

/* Below the results lies `true` at index `first`. */
static int call_over(lua_State *L, int status, lua_KContext first) {
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - (int)first + 1;
    if (aci_unstoppable(L, -1))
        return lua_error(L);
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int safe_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    return call_over(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 1, call_over), 1);
}

/* The script's handler (upvalue 1) is not asked about an error that nobody may keep. */
static int handle(lua_State *L) {
    if (aci_unstoppable(L, 1))
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* debug.traceback leaves error objects alone, and called through `handle` it would name that. */
static bool is_traceback(lua_State *L, int index) {
    bool same;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    same = lua_getfield(L, -1, "debug") == LUA_TTABLE;
    if (same) {
        lua_getfield(L, -1, "traceback");
        same = lua_rawequal(L, -1, index) && lua_iscfunction(L, index);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return same;
}

/* Stack while it runs: handler, true, f, arguments. */
static int safe_xpcall(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    if (!is_traceback(L, 2))
        lua_pushcclosure(L, handle, 1);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 3);
    lua_remove(L, 1);
    lua_remove(L, 1);
    return call_over(L, lua_pcallk(L, count - 2, LUA_MULTRET, 1, 2, call_over), 2);
}

/* ---- coroutine.resume, coroutine.wrap ---- */

/* Arguments on top of L go to co; its results or error come back. Returns their count, or -1. */
static int resume(lua_State *L, lua_State *co, int arguments) {
    int results;
    if (!lua_checkstack(co, arguments))
        return lua_pushliteral(L, "too many arguments to resume"), -1;
    lua_xmove(L, co, arguments);
    int status = aci_resume(co, L, arguments, &results);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        return lua_pushliteral(L, "too many results to resume"), -1;
    }
    lua_xmove(co, L, results);
    return results;
}

static int safe_resume(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    int results;
    luaL_argexpected(L, co, 1, "coroutine");
    results = resume(L, co, lua_gettop(L) - 1);
    if (results < 0 && aci_unstoppable(L, -1))
        return lua_error(L);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results < 0 ? -2 : -1 - results);
    return results < 0 ? 2 : results + 1;
}

/* A string error gets the position of the caller, as in Lua's own wrap. */
static int wrap_error(lua_State *L, lua_State *co) {
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD && lua_resetthread(co) != LUA_OK) {
        lua_xmove(co, L, 1);
        lua_remove(L, -2);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_call(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int results = resume(L, co, lua_gettop(L));
    return results < 0 ? wrap_error(L, co) : results;
}

static int safe_wrap(lua_State *L) {
    lua_State *co;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrap_call, 1);
    return 1;
}

/* coroutine.close: Lua's own (upvalue 1), but a clean-up that is interrupted is not kept quiet. */
static int safe_close(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (lua_gettop(L) == 2 && aci_unstoppable(L, 2))
        return lua_error(L);
    return lua_gettop(L);
}

/* ---- os.exit ---- */

/* os.exit([code [, close]]): first every task's clean-up. */
static int safe_exit(lua_State *L) {
    int code = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    bool close = lua_toboolean(L, 2);
    if (!lua_isboolean(L, 1))
        code = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    aci_tasks_cancel_all(L);
    if (close)
        lua_close(L);
    exit(code);
}

void aci_interruptible(lua_State *L) {
    static const luaL_Reg base[] = {{"pcall", safe_pcall}, {"xpcall", safe_xpcall}, {NULL, NULL}};
    static const luaL_Reg coroutines[] = {
        {"resume", safe_resume}, {"wrap", safe_wrap}, {NULL, NULL}};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, base, 0);
    lua_getfield(L, -1, "coroutine");
    luaL_setfuncs(L, coroutines, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, safe_close, 1);
    lua_setfield(L, -2, "close");
    lua_getfield(L, -2, "os");
    lua_pushcfunction(L, safe_exit);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 3);
    aci_running = L;
    aci_interrupt_install(aci_interrupt_hook);
}
