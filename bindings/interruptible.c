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

/* Whatever is raised in a finalizer becomes a warning, so there it does not count. While one runs
 * the collector answers nothing; only then are the frames worth a look, of which a deep recursion
 * has so many that it would take minutes. */
static bool in_finalizer(lua_State *L) {
    lua_Debug frame;
    if (lua_gc(L, LUA_GCCOUNT) >= 0)
        return false;
    for (int level = 0; lua_getstack(L, level, &frame); level++)
        if (lua_getinfo(L, "n", &frame) && frame.name && strcmp(frame.name, "__gc") == 0 &&
            strcmp(frame.namewhat, "metamethod") == 0)
            return true;
    return false;
}

/* ---- raising them ---- */

static bool main_unwinding;

/* Has the running task, or the main chunk, begun to end by one of the two? */
static bool unwinding(void) {
    return aci_in_main() ? main_unwinding : aci_task_unwinding();
}

bool aci_interrupted(void) {
    return main_unwinding;
}

static int as_it_is(lua_State *L) {
    return lua_gettop(L);
}

static int safe_pcall(lua_State *L);
static int safe_xpcall(lua_State *L);

/* The script's handler is not asked about an error that nobody may keep: the innermost xpcall (its
 * handler lies at its index 1) gets another one. A wrapper around each handler would do as well,
 * but be a frame in every traceback that a handler makes. */
static void mute_handler(lua_State *L) {
    enum { NEAR = 1000 }; /* finding a level takes as many steps */
    lua_Debug frame;
    lua_CFunction function = NULL;
    for (int level = 0; level < NEAR && lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "f", &frame);
        function = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        if (function == safe_pcall || function == safe_xpcall)
            break;
    }
    if (function != safe_xpcall)
        return;
    lua_pushcfunction(L, as_it_is);
    if (!lua_setlocal(L, &frame, 1))
        lua_pop(L, 1);
}

/* Raises the value on top of the stack, which is one of the two. */
static int raise_it(lua_State *L) {
    luaL_checkstack(L, 4, NULL);
    mute_handler(L);
    return lua_error(L);
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
    if (aci_in_main()) {
        aci_interrupt_clear(); /* clean-ups must be able to wait */
        main_unwinding = true;
    }
    aci_task_unwind();
    return raise_it(L);
}

int aci_cancel_raise(lua_State *L) {
    push_kept(L, CANCEL, "canceled", "canceled");
    return raise_it(L);
}

/* What was called has failed, with the error on top of the stack: raises what nobody may keep,
 * also where a clean-up's own error has taken its place. `before`: was it on its way already when
 * the call began? Then the call is part of a clean-up, which may fail and go on. */
static void pass_on(lua_State *L, bool before) {
    if (!aci_unstoppable(L, -1)) {
        if (before || !unwinding())
            return;
        if (aci_in_main() || aci_interrupt_pending())
            push_kept(L, INTERRUPT, "interrupted", "interrupted");
        else
            push_kept(L, CANCEL, "canceled", "canceled");
    }
    raise_it(L);
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
    main_unwinding = false;
    aci_interrupt_install(aci_interrupt_hook);
}

/* ---- pcall, xpcall ---- */

/* What call_over has to know, in one number: below the results lies `true` at index 1, or 2 below
 * a handler; and were we unwinding before? */
static lua_KContext context_of(int first) {
    return first | (unwinding() ? 4 : 0);
}

static int call_over(lua_State *L, int status, lua_KContext context) {
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - (int)(context & 3) + 1;
    pass_on(L, context & 4);
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int safe_pcall(lua_State *L) {
    lua_KContext context = context_of(1);
    luaL_checkany(L, 1);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    return call_over(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, context, call_over),
                     context);
}

/* Stack while it runs: handler, true, f, arguments. */
static int safe_xpcall(lua_State *L) {
    lua_KContext context = context_of(2);
    int count = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 3);
    lua_remove(L, 1);
    lua_remove(L, 1);
    return call_over(L, lua_pcallk(L, count - 2, LUA_MULTRET, 1, context, call_over), context);
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
    bool before = unwinding();
    int results;
    luaL_argexpected(L, co, 1, "coroutine");
    if (aci_task_owns(co)) {
        lua_pushboolean(L, false);
        lua_pushliteral(L, "cannot resume the coroutine of a task");
        return 2;
    }
    results = resume(L, co, lua_gettop(L) - 1);
    if (results < 0)
        pass_on(L, before);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results < 0 ? -2 : -1 - results);
    return results < 0 ? 2 : results + 1;
}

/* A string error gets the position of the caller, as in Lua's own wrap. */
static int wrap_error(lua_State *L, lua_State *co, bool before) {
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD && lua_resetthread(co) != LUA_OK) {
        lua_xmove(co, L, 1);
        lua_remove(L, -2);
    }
    pass_on(L, before);
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_call(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    bool before = unwinding();
    int results = resume(L, co, lua_gettop(L));
    return results < 0 ? wrap_error(L, co, before) : results;
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
    bool before = unwinding();
    lua_State *co = lua_tothread(L, 1);
    if (co && aci_task_owns(co))
        luaL_error(L, "cannot close the coroutine of a task: task:cancel() ends it");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (lua_gettop(L) == 2)
        pass_on(L, before);
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
    lua_getfield(L, -1, "execute");
    lua_pushcclosure(L, aci_execute, 1);
    lua_setfield(L, -2, "execute");
    lua_pop(L, 3);
    *(void **)lua_getextraspace(L) = NULL; /* see aci_task_owns */
    aci_running = L;
    aci_interrupt_install(aci_interrupt_hook);
}
