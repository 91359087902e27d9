#include "subreaper.h"
#include "child.h"
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static aci_source source;

void aci_subreaper_collect(void) {
    if (source.slot)
        aci_child_reap_strangers();
}

static void reap(aci_source *ready, unsigned events) {
    struct signalfd_siginfo info;
    (void)events;
    while (read(ready->fd, &info, sizeof info) == (ssize_t)sizeof info)
        ;
    aci_child_reap_strangers();
}

int aci_become_subreaper(void) {
    sigset_t child;
    if (source.slot)
        return 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, NULL);
    int fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    source.on_ready = reap;
    int status = aci_source_add(&source, fd, EPOLLIN);
    if (status == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        status = -errno;
    if (status < 0) {
        aci_source_remove(&source);
        close(fd);
    }
    return status;
}
