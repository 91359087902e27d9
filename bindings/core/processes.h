/* Other processes, as /proc shows them. Returns are 0 or a negative errno. */
#ifndef ACI_PROCESSES_H
#define ACI_PROCESSES_H

#include <stddef.h>
#include <sys/types.h>

typedef struct aci_processes {
    pid_t *items; /* the caller frees it */
    size_t count;
    size_t room;
} aci_processes;

/* Appends the direct children of `pid`; of one that is gone there are none. */
int aci_processes_children(aci_processes *list, pid_t pid);

/* Appends all that descend from `pid`, parents before their children. */
int aci_processes_descendants(aci_processes *list, pid_t pid);

/* A text that no other process ever has together with this id, not even after a new boot: its
 * start in clock ticks and the boot's id. -ESRCH for one that ended, also while its parent has
 * not collected it yet. */
enum { ACI_START_ROOM = 48 };
int aci_process_start_time(pid_t pid, char text[ACI_START_ROOM]);

/* Sends a signal; with `start` (see above) only if it is still that process, without a gap in
 * which the id could be given to another. */
int aci_process_signal(pid_t pid, int number, const char *start);

/* "TERM" or "SIGTERM" -> its number, 0 for none; and back, NULL for one without a name. */
int aci_signal_number(const char *name);
const char *aci_signal_name(int number);

#endif
