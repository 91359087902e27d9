/* The Ctrl-C flag: set by the signal handler, seen by the Lua hook and the loop. */
#ifndef ACI_INTERRUPT_H
#define ACI_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* Installs the handler for SIGINT. `notify` runs inside the handler (it may only do what a
 * signal handler may; lua_sethook is allowed). The second press finds the default action again
 * and ends the program. Returns 0 or -errno. */
int aci_interrupt_install(void (*notify)(void));

/* True from the first press until aci_interrupt_clear. */
bool aci_interrupt_pending(void);

/* Called by whoever raised the error in the main chunk, so that its clean-ups can work. */
void aci_interrupt_clear(void);

/* An eventfd that becomes readable at a press; the loop watches it. -1 when not installed. */
int aci_interrupt_fd(void);

#endif
