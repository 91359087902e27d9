/* The first process of our container image: starts the real program, hands signals on to its
 * process group, collects the children that lost their parents, and exits as the program did (128
 * and the signal's number where a signal ended it).
 *
 *     acihost-init PROGRAM [ARGUMENT...]
 *
 * Called by the name acihost it starts the acihost in its own folder; where it is not the first
 * process of the container (or of its pid namespace) it then steps aside at once. That is how the
 * image's /usr/bin/acihost works, because a container group's command replaces the image's entry
 * point. */
#include "core/self.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_START 127

/* What is a fault of our own, or means nothing to the program. */
static const int not_handed_on[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGABRT,
                                    SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU, 0};

static void block_signals(sigset_t *set, sigset_t *before) {
    sigfillset(set);
    for (int i = 0; not_handed_on[i]; i++)
        sigdelset(set, not_handed_on[i]);
    sigprocmask(SIG_SETMASK, set, before);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
}

/* In the child: its own group, which owns the terminal if there is one. */
static void start(char **args, const sigset_t *mask) {
    setpgid(0, 0);
    if (isatty(STDIN_FILENO))
        tcsetpgrp(STDIN_FILENO, getpid());
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(args[0], args);
    fprintf(stderr, "acihost-init: cannot start %s: %s\n", args[0], strerror(errno));
    _exit(CANNOT_START);
}

/* Collects all that have ended; true when the program is among them. */
static bool collect(pid_t program, int *code) {
    bool ended = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == program) {
            ended = true;
            *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    return ended;
}

static int supervise(char **args) {
    sigset_t set, before;
    int code = CANNOT_START;
    block_signals(&set, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t program = fork();
    if (program < 0) {
        fprintf(stderr, "acihost-init: cannot fork: %s\n", strerror(errno));
        return CANNOT_START;
    }
    if (program == 0)
        start(args, &before);
    setpgid(program, program); /* whoever of the two comes first */
    for (;;) {
        int number = sigwaitinfo(&set, NULL);
        if (number == SIGCHLD && collect(program, &code))
            return code;
        if (number > 0 && number != SIGCHLD)
            kill(-program, number);
    }
}

/* The acihost in the folder where this program lies. */
static const char *neighbour(void) {
    static char path[4096 + sizeof "acihost"];
    char *slash;
    if (!aci_self_path(path, 4096) || !(slash = strrchr(path, '/')))
        return "acihost";
    strcpy(slash + 1, "acihost");
    return path;
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    if (strcmp(slash ? slash + 1 : argv[0], "acihost") == 0) {
        argv[0] = (char *)neighbour();
        if (getpid() == 1)
            return supervise(argv);
        execv(argv[0], argv);
        fprintf(stderr, "acihost: cannot start %s: %s\n", argv[0], strerror(errno));
        return CANNOT_START;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: acihost-init PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    return supervise(argv + 1);
}
