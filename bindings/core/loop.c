#include "loop.h"
#include "interrupt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* epoll carries a slot and its generation, never a pointer: an event of a source that was
 * removed earlier in the same batch is recognised and dropped. Slot 0 is not used. */
typedef struct slot {
    aci_source *source;
    uint32_t generation;
    uint32_t next_free;
} slot;

static struct {
    int epoll;
    bool open;
    slot *slots;
    uint32_t slot_count;
    uint32_t free_slot;
    uint32_t watched; /* without the interrupt's own and those that rest */
    aci_timer **heap;
    size_t heap_size;
    size_t heap_room;
    aci_wait *first;
    aci_wait *last;
    aci_source interrupt;
} loop;

uint64_t aci_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- things that are waited for ---- */

void aci_wait_done(aci_wait *wait) {
    wait->done = true;
    if (wait->queued)
        return;
    wait->queued = true;
    wait->next = NULL;
    if (loop.last)
        loop.last->next = wait;
    else
        loop.first = wait;
    loop.last = wait;
}

aci_wait *aci_loop_next(void) {
    aci_wait *wait = loop.first;
    if (!wait)
        return NULL;
    loop.first = wait->next;
    if (!loop.first)
        loop.last = NULL;
    wait->queued = false;
    wait->next = NULL;
    return wait;
}

void aci_wait_forget(aci_wait *wait) {
    aci_wait *before = NULL;
    if (!wait->queued)
        return;
    for (aci_wait *at = loop.first; at && at != wait; at = at->next)
        before = at;
    if (before)
        before->next = wait->next;
    else
        loop.first = wait->next;
    if (loop.last == wait)
        loop.last = before;
    wait->queued = false;
    wait->next = NULL;
}

/* ---- descriptors ---- */

static void drain_interrupt(aci_source *source, unsigned events) {
    uint64_t count;
    (void)events;
    while (read(source->fd, &count, sizeof count) > 0)
        ;
}

static int grow_slots(void) {
    uint32_t count = loop.slot_count ? loop.slot_count * 2 : 16;
    slot *slots = realloc(loop.slots, count * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = count; i-- > loop.slot_count;) {
        slots[i] = (slot){NULL, 1, loop.free_slot};
        if (i > 0)
            loop.free_slot = i;
    }
    loop.slots = slots;
    loop.slot_count = count;
    return 0;
}

static int open_loop(void) {
    if (loop.open)
        return 0;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0)
        return -errno;
    loop.open = true;
    if (aci_interrupt_fd() >= 0) {
        loop.interrupt.on_ready = drain_interrupt;
        if (aci_source_add(&loop.interrupt, aci_interrupt_fd(), EPOLLIN) == 0)
            loop.watched--;
    }
    return 0;
}

static int control(int operation, aci_source *source, unsigned events) {
    struct epoll_event event = {.events = events};
    event.data.u64 = (uint64_t)loop.slots[source->slot].generation << 32 | source->slot;
    if (epoll_ctl(loop.epoll, operation, source->fd, &event) < 0)
        return -errno;
    source->events = events;
    return 0;
}

static void release_slot(uint32_t index) {
    loop.slots[index].source = NULL;
    loop.slots[index].generation++;
    loop.slots[index].next_free = loop.free_slot;
    loop.free_slot = index;
}

int aci_source_add(aci_source *source, int fd, unsigned events) {
    int failed = open_loop();
    if (!failed && !loop.free_slot)
        failed = grow_slots();
    if (failed)
        return failed;
    source->fd = fd;
    source->slot = loop.free_slot;
    loop.free_slot = loop.slots[source->slot].next_free;
    loop.slots[source->slot].source = source;
    failed = control(EPOLL_CTL_ADD, source, events);
    if (failed) {
        release_slot(source->slot);
        source->slot = 0;
        return failed;
    }
    loop.watched++;
    return 0;
}

static void rest(aci_source *source, bool yes) {
    if (source->resting == yes)
        return;
    source->resting = yes;
    loop.watched = yes ? loop.watched - 1 : loop.watched + 1;
}

void aci_source_rest(aci_source *source) {
    if (source->slot)
        rest(source, true);
}

int aci_source_modify(aci_source *source, unsigned events) {
    if (!source->slot)
        return -EBADF;
    rest(source, false);
    return events == source->events ? 0 : control(EPOLL_CTL_MOD, source, events);
}

void aci_source_remove(aci_source *source) {
    if (!source->slot)
        return;
    epoll_ctl(loop.epoll, EPOLL_CTL_DEL, source->fd, NULL);
    release_slot(source->slot);
    rest(source, false);
    source->slot = 0;
    loop.watched--;
}

/* ---- timers: a binary heap by due time; index 0 in a timer means "not in it" ---- */

static void place(aci_timer *timer, size_t at) {
    loop.heap[at] = timer;
    timer->index = at + 1;
}

static void sift_up(aci_timer *timer, size_t at) {
    while (at > 0 && loop.heap[(at - 1) / 2]->due > timer->due) {
        place(loop.heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(timer, at);
}

static void sift_down(aci_timer *timer, size_t at) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < loop.heap_size && loop.heap[child + 1]->due < loop.heap[child]->due)
            child++;
        if (child >= loop.heap_size || loop.heap[child]->due >= timer->due)
            break;
        place(loop.heap[child], at);
        at = child;
    }
    place(timer, at);
}

static int grow_heap(void) {
    size_t room = loop.heap_room ? loop.heap_room * 2 : 32;
    aci_timer **heap = realloc(loop.heap, room * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    loop.heap = heap;
    loop.heap_room = room;
    return 0;
}

int aci_timer_set(aci_timer *timer, uint64_t due_ns) {
    aci_timer_cancel(timer);
    if (loop.heap_size == loop.heap_room && grow_heap() < 0)
        return -ENOMEM;
    timer->due = due_ns;
    sift_up(timer, loop.heap_size++);
    return 0;
}

void aci_timer_cancel(aci_timer *timer) {
    size_t at = timer->index;
    if (!at--)
        return;
    timer->index = 0;
    aci_timer *moved = loop.heap[--loop.heap_size];
    if (moved == timer)
        return;
    if (at > 0 && loop.heap[(at - 1) / 2]->due > moved->due)
        sift_up(moved, at);
    else
        sift_down(moved, at);
}

/* Timers set by a callback wait for the next turn, so that descriptors get their part. */
static void fire_timers(void) {
    uint64_t now = aci_now_ns();
    size_t most = loop.heap_size;
    while (most-- > 0 && loop.heap_size && loop.heap[0]->due <= now) {
        aci_timer *timer = loop.heap[0];
        aci_timer_cancel(timer);
        timer->on_due(timer);
    }
}

/* ---- the turn ---- */

static uint64_t wait_limit(uint64_t until_ns) {
    if (loop.first || aci_interrupt_pending())
        return 0;
    if (loop.heap_size && loop.heap[0]->due < until_ns)
        return loop.heap[0]->due;
    return until_ns;
}

/* Whole milliseconds, rounded up: waking before a timer is due would be a turn for nothing. */
static int wait_coarsely(struct epoll_event *events, int most, uint64_t left_ns) {
    uint64_t milliseconds = left_ns / 1000000u + (left_ns % 1000000u > 0);
    bool forever = left_ns == UINT64_MAX;
    return epoll_wait(loop.epoll, events, most,
                      forever                  ? -1
                      : milliseconds < INT_MAX ? (int)milliseconds
                                               : INT_MAX);
}

/* Linux before 5.11 and valgrind have no epoll_pwait2. */
static int wait_events(struct epoll_event *events, int most, uint64_t until_ns) {
    static bool coarse;
    uint64_t limit = wait_limit(until_ns), now = limit && limit < UINT64_MAX ? aci_now_ns() : 0;
    uint64_t left = limit == UINT64_MAX ? limit : limit > now ? limit - now : 0;
    struct timespec time = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    int count =
        coarse ? -1
               : epoll_pwait2(loop.epoll, events, most, left == UINT64_MAX ? NULL : &time, NULL);
    if (count >= 0 || (!coarse && errno != ENOSYS))
        return count;
    coarse = true;
    return wait_coarsely(events, most, left);
}

static void dispatch(const struct epoll_event *event) {
    uint32_t index = (uint32_t)event->data.u64;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    slot *at = &loop.slots[index];
    if (!at->source || at->generation != generation)
        return;
    if (at->source->resting)
        aci_source_remove(at->source);
    else
        at->source->on_ready(at->source, event->events);
}

/* Would the wait never end? */
static bool is_idle(uint64_t until_ns) {
    return !loop.watched && !loop.heap_size && !loop.first && until_ns == UINT64_MAX;
}

int aci_loop_turn(uint64_t until_ns) {
    struct epoll_event events[64];
    int failed = open_loop();
    if (failed)
        return failed;
    if (is_idle(until_ns))
        return -EDEADLK;
    /* First, so that what it starts is waited for in this turn: libcurl begins each transfer so. */
    if (loop.heap_size && loop.heap[0]->due == 0)
        fire_timers();
    if (is_idle(until_ns))
        return 0;
    int count = wait_events(events, 64, until_ns);
    if (count < 0 && errno != EINTR)
        return -errno;
    for (int i = 0; i < count; i++)
        dispatch(&events[i]);
    fire_timers();
    return 0;
}

void aci_loop_close(void) {
    if (loop.open)
        close(loop.epoll);
    for (size_t i = 0; i < loop.heap_size; i++)
        loop.heap[i]->index = 0;
    free(loop.slots);
    free(loop.heap);
    loop.slots = NULL;
    loop.heap = NULL;
    loop.open = false;
    loop.slot_count = loop.free_slot = loop.watched = 0;
    loop.heap_size = loop.heap_room = 0;
    loop.interrupt.slot = 0;
}
