/* The small things a task can wait for: a timer, an event that Lua sets, a signal. */
#include "glue.h"
#include "task.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- timer ---- */

typedef struct timer {
    aci_wait wait;
    aci_timer timer;
} timer;

static void timer_due(aci_timer *due) {
    timer *self = (timer *)((char *)due - offsetof(timer, timer));
    aci_wait_done(&self->wait);
}

/* timer(seconds) -> waitable */
static int timer_new(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    timer *self;
    luaL_argcheck(L, seconds == seconds && seconds < 1e9, 1, "not a time in seconds");
    self = aci_waitable_new(L, sizeof *self, "aci.timer", 0);
    self->timer.on_due = timer_due;
    if (aci_timer_set(&self->timer, aci_now_ns() + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0)))
        return luaL_error(L, "not enough memory");
    return 1;
}

static int timer_close(lua_State *L) {
    timer *self = luaL_checkudata(L, 1, "aci.timer");
    aci_timer_cancel(&self->timer);
    aci_wait_forget(&self->wait);
    return 0;
}

/* ---- event ---- */

/* event() -> waitable with set() and reset() */
static int event_new(lua_State *L) {
    aci_waitable_new(L, sizeof(aci_wait), "aci.event", 0);
    return 1;
}

static int event_set(lua_State *L) {
    aci_wait_done(luaL_checkudata(L, 1, "aci.event"));
    return 0;
}

static int event_reset(lua_State *L) {
    aci_wait *self = luaL_checkudata(L, 1, "aci.event");
    self->done = false;
    return 0;
}

static int event_close(lua_State *L) {
    aci_wait_forget(luaL_checkudata(L, 1, "aci.event"));
    return 0;
}

/* ---- signal ---- */

typedef struct caught {
    aci_wait wait;
    aci_source source;
    int fd; /* + 1, so that zeroed means closed */
    int number;
} caught;

static void signal_ready(aci_source *source, unsigned events) {
    caught *self = (caught *)((char *)source - offsetof(caught, source));
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof info) > 0)
        aci_wait_done(&self->wait);
}

static int signal_number(lua_State *L, int index) {
    static const char *const names[] = {"TERM", "HUP", "USR1", "USR2", "WINCH", NULL};
    static const int numbers[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};
    return numbers[luaL_checkoption(L, index, NULL, names)];
}

/* signal(name) -> waitable, done when the signal has come; closing it gives the signal its
 * default meaning back, so that a second SIGTERM can end the program. */
static int signal_new(lua_State *L) {
    int number = signal_number(L, 1);
    caught *self = aci_waitable_new(L, sizeof *self, "aci.signal", 0);
    sigset_t set;
    self->number = number;
    self->source.on_ready = signal_ready;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    self->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) + 1;
    if (!self->fd || aci_source_add(&self->source, self->fd - 1, EPOLLIN) < 0)
        return luaL_error(L, "cannot watch the signal: %s", strerror(errno));
    return 1;
}

static int signal_close(lua_State *L) {
    caught *self = luaL_checkudata(L, 1, "aci.signal");
    sigset_t set;
    aci_wait_forget(&self->wait);
    if (!self->number)
        return 0;
    aci_source_remove(&self->source);
    if (self->fd)
        close(self->fd - 1);
    sigemptyset(&set);
    sigaddset(&set, self->number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    self->fd = self->number = 0;
    return 0;
}

void aci_waitables_register(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"timer", timer_new}, {"event", event_new}, {"signal", signal_new}, {NULL, NULL}};
    static const luaL_Reg event_methods[] = {
        {"set", event_set}, {"reset", event_reset}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    aci_waitable_type(L, "aci.timer", NULL, timer_close);
    aci_waitable_type(L, "aci.event", event_methods, event_close);
    aci_waitable_type(L, "aci.signal", NULL, signal_close);
    lua_pop(L, 3);
}
