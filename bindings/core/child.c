#include "child.h"
#include "processes.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t LOOK_AGAIN_NS = 20000000u;

/* All that run, so that strangers can be told from them. */
static struct {
    aci_child **items;
    size_t count;
    size_t room;
} living;

static int remember(aci_child *child) {
    if (living.count == living.room) {
        size_t room = living.room ? living.room * 2 : 8;
        aci_child **items = realloc(living.items, room * sizeof *items);
        if (!items)
            return -ENOMEM;
        living.items = items;
        living.room = room;
    }
    living.items[living.count++] = child;
    return 0;
}

static void forget(aci_child *child) {
    for (size_t i = 0; i < living.count; i++) {
        if (living.items[i] == child) {
            living.items[i] = living.items[--living.count];
            break;
        }
    }
    if (living.count == 0) {
        free(living.items);
        living.items = NULL;
        living.room = 0;
    }
}

static void unwatch(aci_child *child) {
    aci_source_remove(&child->source);
    aci_timer_cancel(&child->look);
    if (child->pidfd >= 0)
        close(child->pidfd);
}

static void end(aci_child *child, const siginfo_t *info) {
    unwatch(child);
    forget(child);
    child->running = false;
    child->known =
        info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
    if (info->si_code == CLD_EXITED)
        child->code = info->si_status;
    else if (child->known)
        child->signal = info->si_status;
    if (child->wait)
        aci_wait_done(child->wait);
    else
        free(child);
}

static void collect(aci_child *child) {
    siginfo_t info = {0};
    int status = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG);
    if (status == 0 && info.si_pid == 0)
        return; /* not yet */
    if (status < 0 && errno == EINTR)
        return;
    end(child, &info); /* after ECHILD `info` is empty: ended, but nobody knows how */
}

static void ended(aci_source *source, unsigned events) {
    (void)events;
    collect((aci_child *)(void *)((char *)source - offsetof(aci_child, source)));
}

static void look(aci_timer *timer) {
    aci_child *child = (aci_child *)(void *)((char *)timer - offsetof(aci_child, look));
    if (aci_timer_set(timer, aci_now_ns() + LOOK_AGAIN_NS) == 0)
        collect(child);
}

static int watch(aci_child *child) {
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0 && errno != ENOSYS)
        return -errno;
    child->source.on_ready = ended;
    child->look.on_due = look;
    int status = child->pidfd < 0 ? aci_timer_set(&child->look, aci_now_ns())
                                  : aci_source_add(&child->source, child->pidfd, EPOLLIN);
    if (status == 0)
        status = remember(child);
    if (status < 0)
        unwatch(child);
    return status;
}

int aci_child_start(aci_launch *launch, aci_wait *wait, aci_child **result) {
    aci_child *child = calloc(1, sizeof *child);
    if (!child)
        return -ENOMEM;
    child->wait = wait;
    child->group = launch->session || launch->group;
    child->pid = aci_launch_start(launch);
    int status = child->pid < 0 ? (int)child->pid : watch(child);
    if (status < 0) {
        if (child->pid > 0) { /* it runs, but nobody would see its end */
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
        }
        free(child);
        return status;
    }
    child->running = true;
    *result = child;
    return 0;
}

int aci_child_signal(aci_child *child, int number) {
    if (!child->running)
        return -ESRCH;
    return kill(child->group ? -child->pid : child->pid, number) < 0 ? -errno : 0;
}

void aci_child_release(aci_child *child) {
    child->wait = NULL;
    if (!child->running)
        free(child);
}

static bool ours(pid_t pid) {
    for (size_t i = 0; i < living.count; i++)
        if (living.items[i]->pid == pid)
            return true;
    return false;
}

void aci_child_reap_strangers(void) {
    aci_processes list = {0};
    if (aci_processes_children(&list, getpid()) == 0) {
        for (size_t i = 0; i < list.count; i++)
            if (!ours(list.items[i]))
                waitpid(list.items[i], NULL, WNOHANG);
    }
    free(list.items);
}
