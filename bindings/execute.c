/* os.execute as in lua, but its loop can be ended. The C library's system() ignores Ctrl-C while
 * the command runs, so `while true do os.execute "make" end` would go on for ever. Here a press
 * counts when the command ended by it; a command that handles it by itself (an editor, a shell)
 * keeps it. */
#include "core/loop.h"
#include "task.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>

extern char **environ;

/* A shell that ends by a press long after it has kept it for its own child: an editor was left. */
enum { SOON_NS = 2000000000 };

static volatile sig_atomic_t command;
static volatile uint64_t pressed_at; /* 0: not pressed */

/* From the terminal the command gets it too; from somebody else only we do. */
static void on_press(int number, siginfo_t *info, void *context) {
    int saved = errno;
    (void)context;
    pressed_at = aci_now_ns();
    if (command > 0 && info->si_code == SI_USER)
        kill((pid_t)command, number);
    errno = saved;
}

/* The child has the default of both signals again. */
static int start(const char *text, pid_t *pid) {
    char *args[] = {"sh", "-c", (char *)text, NULL};
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int failed = posix_spawnattr_init(&attributes);
    if (failed)
        return failed;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawn(pid, "/bin/sh", NULL, &attributes, args, environ);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* The command's status, or -1 with errno. */
static int run(const char *text) {
    pid_t pid;
    int status = -1, failed = start(text, &pid);
    if (failed) {
        errno = failed;
        return -1;
    }
    command = pid;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static bool ended_by_press(int status) {
    bool pressed = pressed_at && aci_now_ns() - pressed_at < SOON_NS;
    return pressed && status != -1 &&
           ((WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) ||
            (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT));
}

static int run_with_signals(const char *text) {
    struct sigaction press = {.sa_sigaction = on_press, .sa_flags = SA_SIGINFO}, before;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, quit;
    int status, failed;
    pressed_at = 0;
    command = 0;
    sigemptyset(&press.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &press, &before);
    sigaction(SIGQUIT, &ignore, &quit);
    status = run(text);
    failed = status == -1 ? errno : 0;
    command = 0;
    sigaction(SIGINT, &before, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (ended_by_press(status))
        raise(SIGINT);
    errno = failed; /* luaL_execresult looks at it first */
    return status;
}

/* os.execute([command]): upvalue 1 is Lua's own, for the question whether there is a shell */
int aci_execute(lua_State *L) {
    const char *text = luaL_optstring(L, 1, NULL);
    if (text)
        return luaL_execresult(L, run_with_signals(text));
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 0, 1);
    return 1;
}
