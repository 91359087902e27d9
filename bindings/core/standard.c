#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Opened the wrong way round: a read of 0 and a write of 1 or 2 give EBADF, as they should. */
void aci_standard_reserve(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

/* The signal does not say which descriptor it is about, so it looks at the two that count. */
static void on_broken_pipe(int number) {
    struct pollfd outputs[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                               {.fd = STDERR_FILENO, .events = POLLOUT}};
    int saved = errno;
    if (poll(outputs, 2, 0) > 0 && (outputs[0].revents | outputs[1].revents) & POLLERR) {
        signal(number, SIG_DFL);
        raise(number); /* delivered when the handler returns */
    }
    errno = saved;
}

void aci_pipe_signal(void) {
    struct sigaction action = {0};
    action.sa_handler = on_broken_pipe;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

static void check_output(int code, void *program) {
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (!failed || code != 0 || flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return;
    fprintf(stderr, "%s: standard output did not take everything: is the disk full?\n",
            (const char *)program);
    _exit(1);
}

void aci_output_watch(const char *program) {
    on_exit(check_output, (void *)program);
}
