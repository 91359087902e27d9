/* A started process whose end the loop notices through its pidfd; where there is no pidfd_open
 * (Linux before 5.3, valgrind), by looking now and then. */
#ifndef ACI_CHILD_H
#define ACI_CHILD_H

#include "launch.h"
#include "loop.h"

typedef struct aci_child {
    aci_wait *wait; /* done when it has ended; NULL once nobody cares any more */
    aci_source source;
    pid_t pid;
    int pidfd; /* -1: there are none */
    aci_timer look;
    bool group; /* it leads a process group */
    bool running;
    bool known; /* how it ended is known: code or signal */
    int code;
    int signal;
} aci_child;

/* Starts it; 0 or a negative errno. `wait` belongs to the caller. */
int aci_child_start(aci_launch *launch, aci_wait *wait, aci_child **child);

/* To its whole group if it leads one; -ESRCH after its end. */
int aci_child_signal(aci_child *child, int number);

/* The owner lets go. A child that still runs goes on, and its end is still collected. */
void aci_child_release(aci_child *child);

/* Collects the ended children of this process that were not started here: a subreaper inherits
 * them. */
void aci_child_reap_strangers(void);

#endif
