#include "interrupt.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t pending;
static int event_fd = -1;
static void (*notify_hook)(void);

static void on_sigint(int signal_number) {
    int saved = errno;
    uint64_t one = 1;
    signal(signal_number, SIG_DFL); /* the second press ends the program */
    pending = 1;
    if (event_fd >= 0 && write(event_fd, &one, sizeof one) < 0) {
        /* a full counter is readable as well: nothing is lost */
    }
    if (notify_hook)
        notify_hook();
    errno = saved;
}

int aci_interrupt_install(void (*notify)(void)) {
    struct sigaction action = {0};
    if (event_fd < 0)
        event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd < 0)
        return -errno;
    notify_hook = notify;
    action.sa_handler = on_sigint;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGINT, &action, NULL) < 0 ? -errno : 0;
}

bool aci_interrupt_pending(void) {
    return pending != 0;
}

void aci_interrupt_clear(void) {
    pending = 0;
}

int aci_interrupt_fd(void) {
    return event_fd;
}
