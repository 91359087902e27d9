#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_OTHER = 3, MANY_DESCRIPTORS = 65536, EXEC_FAILED = 127 };

static struct rlimit started_with;
static bool raised;

void aci_raise_descriptor_limit(void) {
    if (raised || getrlimit(RLIMIT_NOFILE, &started_with) < 0)
        return;
    struct rlimit wanted = started_with;
    if (wanted.rlim_cur < MANY_DESCRIPTORS)
        wanted.rlim_cur = wanted.rlim_max < MANY_DESCRIPTORS ? wanted.rlim_max : MANY_DESCRIPTORS;
    raised = setrlimit(RLIMIT_NOFILE, &wanted) == 0;
}

/* -- what is to be started --------------------------------------------------------------------- */

aci_launch *aci_launch_new(void) {
    aci_launch *launch = calloc(1, sizeof *launch);
    if (!launch)
        return NULL;
    for (int i = 0; i < ACI_STREAMS; i++)
        launch->streams[i] = launch->reading[i] = -1;
    launch->group = true;
    return launch;
}

static void list_free(aci_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        explicit_bzero(list->items[i], strlen(list->items[i]));
        free(list->items[i]);
    }
    free(list->items);
}

static void close_stream(aci_launch *launch, int stream) {
    if (launch->streams[stream] >= FIRST_OTHER)
        close(launch->streams[stream]);
    launch->streams[stream] = -1;
}

void aci_launch_free(void *thing) {
    aci_launch *launch = thing;
    for (int i = 0; i < ACI_STREAMS; i++) {
        close_stream(launch, i);
        if (launch->reading[i] >= 0)
            close(launch->reading[i]);
    }
    list_free(&launch->arguments);
    list_free(&launch->environment);
    free(launch->folder);
    free(launch);
}

/* Owns `text`, which may be NULL: out of memory. */
static int list_add(aci_list *list, char *text) {
    if (text && list->count + 1 >= list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        char **items = realloc(list->items, room * sizeof *items);
        if (!items) {
            free(text);
            return -ENOMEM;
        }
        list->items = items;
        list->room = room;
    }
    if (!text)
        return -ENOMEM;
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
    return 0;
}

int aci_launch_argument(aci_launch *launch, const char *text) {
    return list_add(&launch->arguments, strdup(text));
}

int aci_launch_variable(aci_launch *launch, const char *name, const char *value, size_t length) {
    size_t before = strlen(name);
    char *text = malloc(before + length + 2);
    if (text) {
        memcpy(text, name, before);
        text[before] = '=';
        memcpy(text + before + 1, value, length);
        text[before + 1 + length] = '\0';
    }
    return list_add(&launch->environment, text);
}

int aci_launch_folder(aci_launch *launch, const char *path) {
    launch->folder = strdup(path);
    return launch->folder ? 0 : -ENOMEM;
}

/* -- streams ----------------------------------------------------------------------------------- */

/* Keeps a descriptor for the child above the three, where the child's own will not collide. */
static int set_stream(aci_launch *launch, int stream, int fd) {
    if (fd < 0)
        return -errno;
    if (fd < FIRST_OTHER) {
        int higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER);
        int status = -errno;
        close(fd);
        if (higher < 0)
            return status;
        fd = higher;
    }
    close_stream(launch, stream);
    launch->streams[stream] = fd;
    return 0;
}

int aci_launch_inherit(aci_launch *launch, int stream) {
    int fd = fcntl(stream, F_DUPFD_CLOEXEC, FIRST_OTHER);
    if (fd < 0 && errno == EBADF)
        return 0; /* ours is closed; the child gets /dev/null */
    return set_stream(launch, stream, fd);
}

int aci_launch_pipe(aci_launch *launch, int stream) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    launch->reading[stream] = ends[0];
    return set_stream(launch, stream, ends[1]);
}

/* Bytes lie in memory that reads like a file: no pipe that has to be fed. */
int aci_launch_bytes(aci_launch *launch, int stream, const char *bytes, size_t length) {
    int status = set_stream(launch, stream, memfd_create("input", MFD_CLOEXEC));
    size_t done = 0;
    while (status == 0 && done < length) {
        ssize_t put = write(launch->streams[stream], bytes + done, length - done);
        if (put < 0 && errno != EINTR)
            status = -errno;
        done += put > 0 ? (size_t)put : 0;
    }
    if (status == 0 && lseek(launch->streams[stream], 0, SEEK_SET) < 0)
        status = -errno;
    return status;
}

int aci_launch_file(aci_launch *launch, int stream, const char *path) {
    int flags = stream == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND;
    return set_stream(launch, stream, open(path, flags | O_CLOEXEC | O_NOCTTY, 0600));
}

int aci_launch_same(aci_launch *launch) {
    return set_stream(launch, 2, fcntl(launch->streams[1], F_DUPFD_CLOEXEC, FIRST_OTHER));
}

static int fill_streams(aci_launch *launch) {
    for (int i = 0; i < ACI_STREAMS; i++) {
        int status = 0;
        if (launch->streams[i] < 0)
            status = set_stream(launch, i, open("/dev/null", O_RDWR | O_CLOEXEC));
        if (status < 0)
            return status;
    }
    return 0;
}

/* -- the program ------------------------------------------------------------------------------- */

static bool runnable(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && S_ISREG(there.st_mode) && access(path, X_OK) == 0;
}

char *aci_find_program(const char *name, const char *search) {
    char path[PATH_MAX];
    if (strchr(name, '/'))
        return strdup(name);
    while (search) {
        size_t length = strcspn(search, ":");
        snprintf(path, sizeof path, "%.*s%s%s", (int)length, search, length ? "/" : "./", name);
        if (*name && runnable(path))
            return strdup(path);
        search = search[length] ? search + length + 1 : NULL;
    }
    errno = ENOENT;
    return NULL;
}

static const char *search_path(const aci_launch *launch) {
    for (size_t i = 0; i < launch->environment.count; i++)
        if (strncmp(launch->environment.items[i], "PATH=", 5) == 0)
            return launch->environment.items[i] + 5;
    return getenv("PATH");
}

/* -- the child: shares our memory until exec, so it makes plain system calls only ---------------
 */

typedef struct start {
    const aci_launch *launch;
    const char *program;
    char **environment;
    pid_t parent;
    volatile int failure;
    volatile bool in_folder;
} start;

static int child_signals(const start *s) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL); /* KILL, STOP and libc's own refuse: right so */
    if (!s->launch->parent_death)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, s->launch->parent_death) < 0)
        return -errno;
    return getppid() == s->parent ? 0 : -ESRCH; /* it ended before we had asked */
}

static int child_place(start *s) {
    if (s->launch->session && setsid() < 0)
        return -errno;
    if (!s->launch->session && s->launch->group && setpgid(0, 0) < 0)
        return -errno;
    s->in_folder = true;
    if (s->launch->folder && chdir(s->launch->folder) < 0)
        return -errno;
    s->in_folder = false;
    if (raised)
        setrlimit(RLIMIT_NOFILE, &started_with);
    return 0;
}

static void close_on_exec(unsigned from) {
    if (close_range(from, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = (int)from; fd < MANY_DESCRIPTORS; fd++) /* before Linux 5.11 */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int child_descriptors(const start *s) {
    for (int i = 0; i < ACI_STREAMS; i++)
        if (dup2(s->launch->streams[i], i) < 0)
            return -errno;
    close_on_exec(FIRST_OTHER);
    for (size_t i = 0; i < s->launch->keep_count; i++)
        if (fcntl(s->launch->keep[i], F_SETFD, 0) < 0)
            return -errno;
    return 0;
}

static int child_run(start *s) {
    int status = child_signals(s);
    if (status == 0)
        status = child_place(s);
    if (status == 0)
        status = child_descriptors(s);
    if (status < 0)
        return status;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(s->program, s->launch->arguments.items, s->environment);
    return -errno;
}

/* posix_spawn would do but for two things that only the child itself can set: its limit of
 * descriptors and its parent-death signal. vfork costs the same: nothing is copied. */
static pid_t run_in_child(start *s) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* no handler of ours may run in the child */
    pid_t pid = vfork();
    if (pid == 0) {
        s->failure = child_run(s);
        _exit(EXEC_FAILED);
    }
    int status = pid < 0 ? -errno : s->failure;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid > 0 && status < 0)
        waitpid(pid, NULL, 0);
    return status < 0 ? status : pid;
}

/* A starter that ignores SIGCHLD hands that down, and then nobody learns how a child ended. */
static void want_children(void) {
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
        signal(SIGCHLD, SIG_DFL);
}

pid_t aci_launch_start(aci_launch *launch) {
    launch->failed_at = launch->arguments.items[0];
    int status = fill_streams(launch);
    if (status < 0)
        return status;
    char *program = aci_find_program(launch->failed_at, search_path(launch));
    if (!program)
        return -errno;
    char *nothing[] = {NULL};
    char **ours = launch->environment.items ? launch->environment.items : nothing;
    start s = {launch, program, launch->own_environment ? ours : environ, getpid(), 0, false};
    want_children();
    pid_t pid = run_in_child(&s);
    if (pid < 0 && s.in_folder)
        launch->failed_at = launch->folder;
    free(program);
    return pid;
}
