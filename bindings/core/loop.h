/* The one event loop of the process: descriptors, timers, and things that are waited for.
 * Callbacks run inside a turn and never see Lua: they fill buffers and call aci_wait_done.
 * Zeroed structs are valid and inactive; the owner of a struct keeps its memory. */
#ifndef ACI_LOOP_H
#define ACI_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something that finishes. The glue queues the tasks that wait for it on `waiter`. */
typedef struct aci_wait {
    bool done;
    bool queued;
    void *waiter;
    struct aci_wait *next;
} aci_wait;

/* Marks it done and queues it for waking. May be called from every callback. */
void aci_wait_done(aci_wait *wait);

/* Takes it off the queue; to be called before its memory goes. */
void aci_wait_forget(aci_wait *wait);

/* A descriptor that is watched. `events` are epoll's (EPOLLIN, EPOLLOUT, ...). */
typedef struct aci_source {
    int fd;
    uint32_t slot; /* 0: not watched */
    unsigned events;
    bool resting;
    void (*on_ready)(struct aci_source *source, unsigned events);
} aci_source;

int aci_source_add(aci_source *source, int fd, unsigned events); /* 0 or -errno */
int aci_source_modify(aci_source *source, unsigned events);      /* 0 or -errno */

/* Nothing of it is wanted for now: on_ready is not called until aci_source_modify, and no wait
 * counts on it. Cheap both ways: it stays in epoll until something comes, then it is no longer
 * watched. */
void aci_source_rest(aci_source *source);
void aci_source_remove(aci_source *source); /* idempotent, allowed in callbacks; fd stays open */

/* A moment on CLOCK_MONOTONIC, in nanoseconds. Due 0 means the next turn. */
typedef struct aci_timer {
    uint64_t due;
    size_t index; /* place in the heap + 1; 0: not set */
    void (*on_due)(struct aci_timer *timer);
} aci_timer;

int aci_timer_set(aci_timer *timer, uint64_t due_ns); /* also moves a set one; 0 or -ENOMEM */
void aci_timer_cancel(aci_timer *timer);              /* idempotent */

uint64_t aci_now_ns(void);

/* One pass: waits at most until `until_ns` (UINT64_MAX: for ever), runs what is ready.
 * Returns 0, or -EDEADLK when nothing is watched, due or queued and the wait would never end. */
int aci_loop_turn(uint64_t until_ns);

/* The next finished thing, in the order of finishing; NULL when there is none. */
aci_wait *aci_loop_next(void);

/* After fork-like events or at exit: gives the loop's memory and descriptors back. */
void aci_loop_close(void);

#endif
