/* Shared by task.c and scheduler.c (tasks), waitables.c (timer, event, signal) and interruptible.c
 * (Ctrl-C). */
#ifndef ACI_TASK_H
#define ACI_TASK_H

#include <stdbool.h>

#include <lua.h>

/* The Lua thread that runs now; the Ctrl-C handler sets its hook there. */
extern lua_State *volatile aci_running;

/* lua_resume with `aci_running` kept right. */
int aci_resume(lua_State *co, lua_State *from, int arguments, int *results);

/* Is it the coroutine of a task? The scheduler alone resumes and ends those: resumed by others, the
 * task would go on without what it waits for. */
bool aci_task_owns(lua_State *co);

/* True while the main chunk (no task) runs. */
bool aci_in_main(void);

/* The running task unwinds from here on: its clean-ups may wait, nothing is raised in it again. */
void aci_task_unwind(void);

/* Does it so? False in the main chunk. */
bool aci_task_unwinding(void);

/* Makes the running Lua code raise at its next step; what the signal handler does. */
void aci_interrupt_hook(void);

/* Raises the one error object of kind interrupted; in the main chunk it is over then. */
int aci_interrupt_raise(lua_State *L);

/* Raises the one error object by which a canceled task unwinds. */
int aci_cancel_raise(lua_State *L);

/* Is the value one of these two objects, which no pcall may keep? */
bool aci_unstoppable(lua_State *L, int index);

/* os.execute that a press of Ctrl-C in the command ends; upvalue 1: Lua's own. */
int aci_execute(lua_State *L);

/* Push the constructors of waitables.c into the table on top of the stack. */
void aci_waitables_register(lua_State *L);

#endif
