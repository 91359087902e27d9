/* aci._task: coroutines on the loop. One function waits, `wait`: in a task it suspends the task;
 * elsewhere (main chunk, or where Lua cannot yield) it runs turns of the loop until it is done.
 * A live task is anchored in the registry; it ends by returning, by an error, or canceled: then
 * its wait raises, so that its <close> variables are closed inside the living coroutine. */
#include "task.h"
#include "bindings.h"
#include "core/interrupt.h"
#include "glue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TYPE "aci.task"
#define LIVE "aci.task.live"

typedef struct task {
    aci_wait wait; /* done when the task has ended */
    lua_State *co; /* anchored as user value 1; user value 2: results or error */
    aci_wait *on;  /* what it waits for */
    struct task *next;
    aci_timer timer;
    bool queued, canceled, raised, timed_out, failed, observed;
} task;

static struct {
    task *current;
    task *first, *last; /* ready to run */
    size_t live;
} tasks;

lua_State *volatile aci_running;

bool aci_in_main(void) {
    return tasks.current == NULL;
}

int aci_resume(lua_State *co, lua_State *from, int arguments, int *results) {
    lua_State *before = aci_running;
    int status;
    aci_running = co;
    status = lua_resume(co, from, arguments, results);
    aci_running = before;
    return status;
}

/* ---- queues ---- */

static void make_ready(task *self) {
    if (self->queued)
        return;
    self->queued = true;
    self->next = NULL;
    if (tasks.last)
        tasks.last->next = self;
    else
        tasks.first = self;
    tasks.last = self;
}

static task *next_ready(void) {
    task *self = tasks.first;
    if (!self)
        return NULL;
    tasks.first = self->next;
    if (!tasks.first)
        tasks.last = NULL;
    self->queued = false;
    self->next = NULL;
    return self;
}

static void wait_on(task *self, aci_wait *wait) {
    task **at = (task **)&wait->waiter;
    while (*at)
        at = &(*at)->next;
    self->on = wait;
    self->next = NULL;
    *at = self;
}

/* Off the list of what it waits for; it will run again. */
static void stop_waiting(task *self) {
    task **at = (task **)&self->on->waiter;
    while (*at && *at != self)
        at = &(*at)->next;
    if (*at)
        *at = self->next;
    self->on = NULL;
    aci_timer_cancel(&self->timer);
    make_ready(self);
}

static void on_timeout(aci_timer *timer) {
    task *self = (task *)((char *)timer - offsetof(task, timer));
    self->timed_out = true;
    stop_waiting(self);
}

static void wake_waiters(aci_wait *wait) {
    while (wait->waiter)
        stop_waiting(wait->waiter);
}

/* ---- a task's life ---- */

static void push_live(lua_State *L, task *self) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LIVE);
    lua_rawgetp(L, -1, self);
    lua_remove(L, -2);
}

/* Top of the stack: results or error in one value. */
static void finish(lua_State *L, task *self, bool failed) {
    push_live(L, self);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 2);
    lua_pop(L, 1);
    self->failed = failed;
    tasks.live--;
    aci_wait_done(&self->wait);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LIVE);
    lua_pushnil(L);
    lua_rawsetp(L, -2, self);
    lua_pop(L, 1);
}

static void pack_results(lua_State *L, lua_State *co, int count) {
    luaL_checkstack(L, count + 2, "too many results of a task");
    lua_createtable(L, count, 1);
    lua_xmove(co, L, count);
    for (int i = count; i > 0; i--)
        lua_rawseti(L, -1 - i, i);
    lua_pushinteger(L, count);
    lua_setfield(L, -2, "n");
}

/* The first result of the body says whether it succeeded. */
static void end_task(lua_State *L, task *self, int status, int results) {
    bool ok = status == LUA_OK && lua_toboolean(self->co, -results);
    if (ok) {
        pack_results(L, self->co, results - 1);
    } else {
        lua_xmove(self->co, L, 1);
        lua_resetthread(self->co);
    }
    finish(L, self, !ok);
}

static void run_task(lua_State *L, task *self) {
    task *before = tasks.current;
    int results = 0, status, arguments = 0;
    if (lua_status(self->co) == LUA_OK)
        arguments = lua_gettop(self->co) - 1; /* not started yet */
    tasks.current = self;
    status = aci_resume(self->co, L, arguments, &results);
    tasks.current = before;
    if (status != LUA_YIELD) {
        end_task(L, self, status, results);
        return;
    }
    lua_pop(self->co, results);
    if (!self->on)
        make_ready(self); /* a bare coroutine.yield lets the others run */
}

/* A turn, then everybody who is ready now; those who become ready meanwhile have their turn. */
static void turn(lua_State *L, uint64_t until_ns) {
    aci_wait *wait;
    task *self, *last;
    int failed = aci_loop_turn(tasks.first ? 0 : until_ns);
    if (failed)
        aci_raise(L, "failed", failed == -EDEADLK ? "deadlock" : NULL,
                  failed == -EDEADLK ? "nothing is left that could end this wait"
                                     : strerror(-failed));
    while ((wait = aci_loop_next()))
        wake_waiters(wait);
    last = tasks.last;
    while ((self = next_ready())) {
        luaL_checkstack(L, 8, NULL);
        run_task(L, self);
        if (self == last || aci_interrupt_pending())
            break;
    }
}

/* ---- wait ---- */

static aci_wait *check_waitable(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TUSERDATA || !luaL_getmetafield(L, index, "__aci_wait"))
        luaL_typeerror(L, index, "something that can be waited for");
    lua_pop(L, 1);
    return lua_touserdata(L, index);
}

static void raise_if_canceled(lua_State *L) {
    task *self = tasks.current;
    if (!self || !self->canceled || self->raised)
        return;
    self->raised = true;
    aci_cancel_raise(L);
}

static int wait_over(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    raise_if_canceled(L);
    lua_pushboolean(L, !tasks.current->timed_out);
    return 1;
}

static int wait_suspended(lua_State *L, aci_wait *wait, uint64_t due) {
    task *self = tasks.current;
    self->timed_out = false;
    self->timer.on_due = on_timeout;
    if (due != UINT64_MAX && aci_timer_set(&self->timer, due) < 0)
        return luaL_error(L, "not enough memory");
    wait_on(self, wait);
    return lua_yieldk(L, 0, 0, wait_over);
}

static int wait_running(lua_State *L, aci_wait *wait, uint64_t due) {
    luaL_checkstack(L, 16, NULL);
    while (!wait->done && aci_now_ns() < due) {
        if (aci_interrupt_pending())
            aci_interrupt_raise(L);
        raise_if_canceled(L);
        turn(L, due);
    }
    if (aci_interrupt_pending())
        aci_interrupt_raise(L); /* what ended may have ended by it */
    lua_pushboolean(L, wait->done);
    return 1;
}

void aci_wait_here(lua_State *L, aci_wait *wait) {
    wait_running(L, wait, UINT64_MAX);
    lua_pop(L, 1);
}

static uint64_t due_after(lua_State *L, int index) {
    lua_Number seconds;
    if (lua_isnoneornil(L, index))
        return UINT64_MAX;
    seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds == seconds && seconds < 1e9, index, "not a time in seconds");
    return aci_now_ns() + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
}

/* task.wait(waitable [, seconds]) -> true, or false when the time ran out */
static int task_wait(lua_State *L) {
    aci_wait *wait = check_waitable(L, 1);
    uint64_t due = due_after(L, 2);
    raise_if_canceled(L);
    if (aci_interrupt_pending() && aci_in_main())
        return aci_interrupt_raise(L);
    if (wait->done) {
        lua_pushboolean(L, true);
        return 1;
    }
    if (tasks.current && L == tasks.current->co && lua_isyieldable(L))
        return wait_suspended(L, wait, due);
    return wait_running(L, wait, due);
}

/* ---- spawn, cancel, results ---- */

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
    raise_if_canceled(L);
    return body_over(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, body_over), 0);
}

/* task.spawn(f, ...) -> task: runs at the next turn */
static int task_spawn(lua_State *L) {
    int count = lua_gettop(L);
    task *self;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    self = aci_waitable_new(L, sizeof *self, TYPE, 2);
    lua_insert(L, 1);
    self->co = lua_newthread(L);
    lua_setiuservalue(L, 1, 1);
    luaL_checkstack(L, 4, NULL);
    if (!lua_checkstack(self->co, count + 8))
        return luaL_error(L, "too many arguments for a task");
    lua_pushcfunction(self->co, body);
    lua_xmove(L, self->co, count);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LIVE);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, self);
    lua_settop(L, 1);
    tasks.live++;
    make_ready(self);
    return 1;
}

static void cancel(task *self) {
    if (self->wait.done || self->canceled)
        return;
    self->canceled = true;
    if (self->on)
        stop_waiting(self);
}

/* task:cancel(): its wait raises an error of kind canceled, at once or at the next wait */
static int task_cancel(lua_State *L) {
    cancel(luaL_checkudata(L, 1, TYPE));
    return 0;
}

/* task:done() -> boolean */
static int task_done(lua_State *L) {
    task *self = luaL_checkudata(L, 1, TYPE);
    lua_pushboolean(L, self->wait.done);
    return 1;
}

/* What a canceled task ended with is told to others as an ordinary error object. */
static void push_failure(lua_State *L) {
    lua_getiuservalue(L, 1, 2);
    if (!aci_unstoppable(L, -1) || aci_interrupt_pending())
        return;
    lua_getfield(L, -1, "kind");
    aci_error_push(L, lua_tostring(L, -1), NULL, "the task was canceled");
}

/* results(task) -> its results; raises its error. Only for one that has ended. */
static int task_results(lua_State *L) {
    task *self = luaL_checkudata(L, 1, TYPE);
    int count;
    luaL_argcheck(L, self->wait.done, 1, "the task has not ended");
    self->observed = true;
    if (self->failed) {
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
    task *self = luaL_checkudata(L, 1, TYPE);
    self->observed = true;
    lua_pushboolean(L, self->failed);
    return 1;
}

/* An error that nobody asked for must not vanish. */
static int task__gc(lua_State *L) {
    task *self = luaL_checkudata(L, 1, TYPE);
    aci_wait_forget(&self->wait);
    aci_timer_cancel(&self->timer);
    if (!self->failed || self->observed || self->canceled)
        return 0;
    self->observed = true;
    lua_getiuservalue(L, 1, 2);
    if (!aci_unstoppable(L, -1))
        fprintf(stderr, "acihost: a task that nobody waits for failed: %s\n",
                luaL_tolstring(L, -1, NULL));
    return 0;
}

static task *any_live(lua_State *L) {
    task *self = NULL;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LIVE);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        task *each = lua_touserdata(L, -1);
        lua_pop(L, 1);
        if (!each->canceled) {
            self = each;
            lua_pop(L, 1);
            break;
        }
    }
    lua_pop(L, 1);
    return self;
}

void aci_tasks_cancel_all(lua_State *L) {
    uint64_t due = aci_now_ns() + 5000000000u; /* a clean-up that hangs must not hold the exit */
    task *self;
    luaL_checkstack(L, 16, NULL);
    while ((self = any_live(L)))
        cancel(self);
    while (tasks.live && aci_now_ns() < due && !aci_interrupt_pending()) {
        task *straggler = any_live(L); /* spawned by a clean-up */
        if (straggler)
            cancel(straggler);
        turn(L, due);
    }
}

int luaopen_aci_task(lua_State *L) {
    static const luaL_Reg functions[] = {{"wait", task_wait},
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
