/* Turns of the loop and waits. A wait in a task suspends the task; elsewhere (in the main chunk, or
 * where Lua cannot yield) it runs turns of the loop until it is done. */
#include "scheduler.h"
#include "bindings.h"
#include "core/interrupt.h"
#include "glue.h"
#include "task.h"

#include <errno.h>
#include <string.h>

/* A wait where Lua cannot yield runs the other tasks on top of itself; Lua's own limit of C calls
 * (200) would end whichever task comes last, so the one that begins to wait is refused before. */
enum { MOST_RUNNING = 20 };

aci_task *aci_task_current;
int aci_tasks_running;

static struct {
    aci_task *first, *last;
    uint64_t turn;
} ready;

/* ---- queues ---- */

void aci_task_ready(aci_task *task) {
    if (task->queued)
        return;
    task->queued = true;
    task->ready_at = ready.turn;
    task->next = NULL;
    if (ready.last)
        ready.last->next = task;
    else
        ready.first = task;
    ready.last = task;
}

/* The next one that was ready before `turn` began. */
static aci_task *next_ready(uint64_t turn) {
    aci_task *task = ready.first;
    if (!task || task->ready_at >= turn)
        return NULL;
    ready.first = task->next;
    if (!ready.first)
        ready.last = NULL;
    task->queued = false;
    task->next = NULL;
    return task;
}

static void unqueue(aci_task *task) {
    aci_task *before = NULL;
    if (!task->queued)
        return;
    for (aci_task *at = ready.first; at != task; at = at->next)
        before = at;
    if (before)
        before->next = task->next;
    else
        ready.first = task->next;
    if (ready.last == task)
        ready.last = before;
    task->queued = false;
}

static void wait_on(aci_task *task, aci_wait *wait) {
    aci_task **at = (aci_task **)&wait->waiter;
    while (*at)
        at = &(*at)->next;
    task->on = wait;
    task->next = NULL;
    *at = task;
}

/* Off the list of what it waits for. */
static void leave(aci_task *task) {
    aci_task **at = (aci_task **)&task->on->waiter;
    while (*at && *at != task)
        at = &(*at)->next;
    if (*at)
        *at = task->next;
    task->on = NULL;
    aci_timer_cancel(&task->timer);
}

static void wake(aci_task *task) {
    leave(task);
    aci_task_ready(task);
}

static void on_timeout(aci_timer *timer) {
    aci_task *task = (aci_task *)((char *)timer - offsetof(aci_task, timer));
    task->timed_out = true;
    wake(task);
}

void aci_task_forget(aci_task *task) {
    if (task->on)
        leave(task);
    unqueue(task);
    aci_wait_forget(&task->wait);
}

void aci_task_cancel(aci_task *task) {
    if (task->wait.done || task->canceled)
        return;
    task->canceled = true;
    if (task->on)
        wake(task);
}

/* ---- turns ---- */

int aci_resume(lua_State *co, lua_State *from, int arguments, int *results) {
    lua_State *before = aci_running;
    int status;
    aci_running = co;
    status = lua_resume(co, from, arguments, results);
    aci_running = before;
    if (aci_interrupt_pending())
        aci_interrupt_hook(); /* the press came too late for `co` to see it */
    return status;
}

static void run(lua_State *L, aci_task *task) {
    aci_task *before = aci_task_current;
    int results = 0, status, arguments = 0;
    if (lua_status(task->co) == LUA_OK)
        arguments = lua_gettop(task->co) - 1; /* not started yet */
    aci_task_current = task;
    aci_tasks_running++;
    status = aci_resume(task->co, L, arguments, &results);
    aci_tasks_running--;
    aci_task_current = before;
    if (status != LUA_YIELD) {
        aci_task_ended(L, task, status, results);
        return;
    }
    lua_pop(task->co, results);
    if (!task->on)
        aci_task_ready(task); /* a bare coroutine.yield lets the others run */
}

static void turn_loop(lua_State *L, uint64_t until_ns) {
    int failed = aci_loop_turn(ready.first ? 0 : until_ns);
    if (failed == -EDEADLK)
        aci_raise(L, "failed", "deadlock", "nothing is left that could end this wait");
    if (failed)
        aci_raise(L, "failed", NULL, strerror(-failed));
}

void aci_scheduler_turn(lua_State *L, uint64_t until_ns) {
    uint64_t turn;
    aci_wait *wait;
    aci_task *task;
    turn_loop(L, until_ns);
    while ((wait = aci_loop_next()))
        while (wait->waiter)
            wake(wait->waiter);
    turn = ++ready.turn;
    luaL_checkstack(L, 8, NULL);
    while (!aci_interrupt_pending() && (task = next_ready(turn)))
        run(L, task);
    if (aci_interrupt_pending() && (task = next_ready(turn)))
        run(L, task); /* clean-ups go on */
}

/* ---- waits ---- */

void aci_task_check(lua_State *L) {
    aci_task *task = aci_task_current;
    if (!task || !task->canceled || task->unwinding)
        return;
    task->unwinding = true;
    aci_cancel_raise(L);
}

static int wait_over(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    aci_task_check(L);
    lua_pushboolean(L, !aci_task_current->timed_out);
    return 1;
}

static int wait_suspended(lua_State *L, aci_wait *wait, uint64_t due) {
    aci_task *task = aci_task_current;
    task->timed_out = false;
    task->timer.on_due = on_timeout;
    if (due != UINT64_MAX && aci_timer_set(&task->timer, due) < 0)
        return luaL_error(L, "not enough memory");
    wait_on(task, wait);
    return lua_yieldk(L, 0, 0, wait_over);
}

/* A press is for whoever waits, except for the clean-ups of a task that it has ended already. */
static void check_interrupt(lua_State *L) {
    if (aci_interrupt_pending() && !(aci_task_current && aci_task_current->unwinding))
        aci_interrupt_raise(L);
}

static void wait_running(lua_State *L, aci_wait *wait, uint64_t due) {
    luaL_checkstack(L, 16, NULL);
    if (aci_tasks_running > MOST_RUNNING)
        luaL_error(L, "too many tasks wait where Lua cannot yield (in a sort, a gsub, a __gc ...)");
    while (!wait->done && (due == UINT64_MAX || aci_now_ns() < due)) {
        check_interrupt(L);
        aci_task_check(L);
        aci_scheduler_turn(L, due);
    }
    check_interrupt(L); /* what ended may have ended by it */
}

void aci_wait_here(lua_State *L, aci_wait *wait) {
    wait_running(L, wait, UINT64_MAX);
}

static aci_wait *check_waitable(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TUSERDATA || !luaL_getmetafield(L, index, "__aci_wait"))
        luaL_typeerror(L, index, "something that can be waited for");
    lua_pop(L, 1);
    return lua_touserdata(L, index);
}

static uint64_t due_after(lua_State *L, int index) {
    lua_Number seconds;
    if (lua_isnoneornil(L, index))
        return UINT64_MAX;
    seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds == seconds && seconds < 1e9, index, "not a time in seconds");
    return aci_now_ns() + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
}

void aci_wait_check(lua_State *L) {
    aci_task_check(L);
    if (aci_in_main())
        check_interrupt(L);
}

int aci_scheduler_wait(lua_State *L) {
    aci_wait *wait = check_waitable(L, 1);
    uint64_t due = due_after(L, 2);
    aci_wait_check(L);
    if (!wait->done) {
        if (aci_task_current && L == aci_task_current->co && lua_isyieldable(L))
            return wait_suspended(L, wait, due);
        wait_running(L, wait, due);
    }
    lua_pushboolean(L, wait->done);
    return 1;
}
