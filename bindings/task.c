/* aci._task: coroutines on the loop, as Lua sees them. A live task is anchored in the registry; it
 * ends by returning, by an error, or canceled: then its wait raises, so that its <close> variables
 * are closed inside the living coroutine. When it runs is decided in scheduler.c. */
#include "task.h"
#include "bindings.h"
#include "core/interrupt.h"
#include "glue.h"
#include "scheduler.h"

#include <stdio.h>

#define TYPE "aci.task"
#define LIVE "aci.task.live"

static int live; /* tasks that have not ended */

lua_State *volatile aci_running;

bool aci_in_main(void) {
    return aci_task_current == NULL;
}

void aci_task_unwind(void) {
    if (aci_task_current)
        aci_task_current->canceled = aci_task_current->unwinding = true;
}

bool aci_task_unwinding(void) {
    return aci_task_current && aci_task_current->unwinding;
}

/* What Lua keeps for us beside each thread; a new one has a copy of the main thread's, no task. */
static aci_task **task_of(lua_State *co) {
    return lua_getextraspace(co);
}

bool aci_task_owns(lua_State *co) {
    return *task_of(co) != NULL;
}

/* ---- the end of a task ---- */

/* Pushes the table of live tasks: light userdata -> task. */
static void push_live(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LIVE);
}

/* Top of the stack: results or error in one value, which is popped. */
static void finish(lua_State *L, aci_task *task, bool failed) {
    push_live(L);
    lua_rawgetp(L, -1, task);
    lua_pushvalue(L, -3);
    lua_setiuservalue(L, -2, 2);
    task->failed = failed;
    live--;
    aci_wait_done(&task->wait);
    lua_pushnil(L);
    lua_rawsetp(L, -3, task);
    lua_pop(L, 3);
}

/* (co, count) -> the count values on its stack as a table */
static int pack_results(lua_State *L) {
    lua_State *co = lua_touserdata(L, 1);
    int count = (int)lua_tointeger(L, 2);
    luaL_checkstack(L, count + 2, "too many results of a task");
    lua_createtable(L, count, 1);
    lua_xmove(co, L, count);
    for (int i = count; i > 0; i--)
        lua_rawseti(L, -1 - i, i);
    lua_pushinteger(L, count);
    lua_setfield(L, -2, "n");
    return 1;
}

/* Protected: a task that did not end would be waited for without end. Pushes the table, or why not.
 */
static bool packed(lua_State *L, lua_State *co, int count) {
    lua_pushcfunction(L, pack_results);
    lua_pushlightuserdata(L, co);
    lua_pushinteger(L, count);
    return lua_pcall(L, 2, 1, 0) == LUA_OK;
}

/* The first result of the body says whether it succeeded. */
void aci_task_ended(lua_State *L, aci_task *task, int status, int results) {
    bool ok = status == LUA_OK && lua_toboolean(task->co, -results);
    if (ok)
        ok = packed(L, task->co, results - 1);
    else
        lua_xmove(task->co, L, 1);
    if (!ok)
        lua_resetthread(task->co);
    finish(L, task, !ok);
}

/* ---- its beginning ---- */

static int body_over(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status == LUA_OK || status == LUA_YIELD) {
        lua_pushboolean(L, true);
        lua_insert(L, 1);
        return lua_gettop(L);
    }
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int body(lua_State *L) {
    aci_task_check(L);
    return body_over(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, body_over), 0);
}

/* task.spawn(f, ...) -> task: runs at the next turn */
static int task_spawn(lua_State *L) {
    int count = lua_gettop(L);
    aci_task *task;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    task = aci_waitable_new(L, sizeof *task, TYPE, 2);
    lua_insert(L, 1);
    task->co = lua_newthread(L);
    *task_of(task->co) = task;
    lua_setiuservalue(L, 1, 1);
    luaL_checkstack(L, 4, NULL);
    if (!lua_checkstack(task->co, count + 8))
        return luaL_error(L, "too many arguments for a task");
    lua_pushcfunction(task->co, body);
    lua_xmove(L, task->co, count);
    push_live(L);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, task);
    lua_settop(L, 1);
    live++;
    aci_task_ready(task);
    return 1;
}

/* ---- methods ---- */

/* task:cancel(): its wait raises an error of kind canceled, at once or at the next wait */
static int task_cancel(lua_State *L) {
    aci_task_cancel(luaL_checkudata(L, 1, TYPE));
    return 0;
}

/* task:done() -> boolean */
static int task_done(lua_State *L) {
    aci_task *task = luaL_checkudata(L, 1, TYPE);
    lua_pushboolean(L, task->wait.done);
    return 1;
}

/* What a canceled or interrupted task ended with is told to others as an ordinary error object. */
static void push_failure(lua_State *L) {
    lua_getiuservalue(L, 1, 2);
    if (!aci_unstoppable(L, -1) || aci_interrupt_pending())
        return;
    lua_getfield(L, -1, "kind");
    lua_pushfstring(L, "the task was %s", lua_tostring(L, -1));
    aci_error_push(L, lua_tostring(L, -2), NULL, lua_tostring(L, -1));
}

/* results(task) -> its results; raises its error. Only for one that has ended. */
static int task_results(lua_State *L) {
    aci_task *task = luaL_checkudata(L, 1, TYPE);
    int count;
    luaL_argcheck(L, task->wait.done, 1, "the task has not ended");
    task->observed = true;
    if (task->failed) {
        push_failure(L);
        return lua_error(L);
    }
    lua_getiuservalue(L, 1, 2);
    lua_getfield(L, -1, "n");
    count = (int)lua_tointeger(L, -1);
    luaL_checkstack(L, count, NULL);
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, 2, i);
    return count;
}

/* failed(task) -> boolean; asking counts as having seen the error */
static int task_failed(lua_State *L) {
    aci_task *task = luaL_checkudata(L, 1, TYPE);
    task->observed = true;
    lua_pushboolean(L, task->failed);
    return 1;
}

/* An error that nobody asked for must not vanish. */
static int task__gc(lua_State *L) {
    aci_task *task = luaL_checkudata(L, 1, TYPE);
    aci_task_forget(task);
    if (!task->failed || task->observed || task->canceled)
        return 0;
    task->observed = true;
    lua_getiuservalue(L, 1, 2);
    if (!aci_unstoppable(L, -1))
        fprintf(stderr, "acihost: a task that nobody waits for failed: %s\n",
                luaL_tolstring(L, -1, NULL));
    return 0;
}

/* ---- all of them, at the end of the program ---- */

static void cancel_each(lua_State *L) {
    push_live(L);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        aci_task_cancel(lua_touserdata(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Those that are running (os.exit in a task) can't end before this returns. */
void aci_tasks_cancel_all(lua_State *L) {
    uint64_t due = aci_now_ns() + 5000000000u; /* a clean-up that hangs must not hold the exit */
    if (!live)
        return;
    luaL_checkstack(L, 16, NULL);
    cancel_each(L);
    while (live > aci_tasks_running && aci_now_ns() < due && !aci_interrupt_pending()) {
        aci_scheduler_turn(L, due);
        cancel_each(L); /* those that a clean-up has begun */
    }
}

int luaopen_aci_task(lua_State *L) {
    static const luaL_Reg functions[] = {{"wait", aci_scheduler_wait},
                                         {"spawn", task_spawn},
                                         {"results", task_results},
                                         {"failed", task_failed},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"cancel", task_cancel}, {"done", task_done}, {NULL, NULL}};
    luaL_newlib(L, functions);
    aci_waitable_type(L, TYPE, methods, task__gc);
    lua_setfield(L, -2, "metatable"); /* the Lua half adds wait and __close */
    aci_waitables_register(L);
    return 1;
}
