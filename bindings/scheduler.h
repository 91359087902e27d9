/* Which task runs when: shared by scheduler.c (turns and waits) and task.c (tasks as Lua sees
 * them). */
#ifndef ACI_SCHEDULER_H
#define ACI_SCHEDULER_H

#include <stdbool.h>

#include <lua.h>

#include "core/loop.h"

typedef struct aci_task {
    aci_wait wait; /* done when the task has ended */
    lua_State *co; /* anchored as user value 1; user value 2: results or error */
    aci_wait *on;  /* what it waits for */
    struct aci_task *next;
    aci_timer timer;
    uint64_t ready_at; /* the turn in which it became ready */
    bool queued, canceled, unwinding, timed_out, failed, observed;
} aci_task;

/* The task that runs now; NULL in the main chunk. */
extern aci_task *aci_task_current;

/* How many tasks are running: more than one when one of them waits where Lua cannot yield. */
extern int aci_tasks_running;

/* Queues it for the next turn; idempotent. */
void aci_task_ready(aci_task *task);

/* Its next or current wait raises. */
void aci_task_cancel(aci_task *task);

/* Takes it out of every list, before its memory goes. */
void aci_task_forget(aci_task *task);

/* One turn of the loop, then everybody who is ready; those who become ready meanwhile have their
 * turn later. Raises when nothing is left that could end the wait. */
void aci_scheduler_turn(lua_State *L, uint64_t until_ns);

/* Raises in a canceled task, once. */
void aci_task_check(lua_State *L);

/* What each wait begins with: raises in a canceled task, and in the main chunk after Ctrl-C. */
void aci_wait_check(lua_State *L);

/* task.wait of Lua. */
int aci_scheduler_wait(lua_State *L);

/* In task.c: the coroutine has ended; `results` are on its stack. */
void aci_task_ended(lua_State *L, aci_task *task, int status, int results);

#endif
