/* aci._process: this process and others; starting them is spawn.c.
 *
 *    local begun = process.start_time(pid)        -- keep it beside the pid
 *    process.signal(pid, "TERM", begun)           -- never hits another that got the same pid */
#include "bindings.h"
#include "glue.h"
#include "spawn_options.h"

#include "core/launch.h"
#include "core/processes.h"
#include "core/self.h"
#include "core/subreaper.h"
#include "core/trim.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pid_t check_pid(lua_State *L, int index) {
    lua_Integer pid = luaL_checkinteger(L, index);
    luaL_argcheck(L, pid > 0 && pid <= INT_MAX, index, "not a process id");
    return (pid_t)pid;
}

/* -- this process and others ---------------------------------------------------------------------
 */

/* process.pid() -> integer */
static int process_pid(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

/* process.self() -> path of the running program | nil, err */
static int process_self(lua_State *L) {
    char path[4096];
    if (!aci_self_path(path, sizeof path))
        return aci_fail_errno(L, "cannot read", "/proc/self/exe", errno);
    lua_pushstring(L, path);
    return 1;
}

/* process.find(name) -> path of the program that PATH means | nil, err */
static int process_find(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);

    void **guard = aci_guard(L, free);
    char *path = *guard = aci_find_program(name, getenv("PATH"));

    if (!path)
        return aci_fail_errno(L, "cannot find program", name, errno);
    lua_pushstring(L, path);
    return 1;
}

/* process.start_time(pid) -> text | nil, err: with the pid it names one process for ever */
static int process_start_time(lua_State *L) {
    char text[ACI_START_ROOM];
    pid_t pid = check_pid(L, 1);
    int status = aci_process_start_time(pid, text);
    if (status < 0)
        return aci_fail(L, "not_found", "ESRCH", lua_pushfstring(L, "no process %d", (int)pid));
    lua_pushstring(L, text);
    return 1;
}

/* process.signal(pid, name [, start_time]) -> true | nil, err */
static int process_signal(lua_State *L) {
    pid_t pid = check_pid(L, 1);
    int number = spawn_signal(L, 2);
    const char *begun = luaL_optstring(L, 3, NULL);
    int status = aci_process_signal(pid, number, begun);
    if (status == -ESRCH)
        return aci_fail(L, "not_found", "ESRCH", lua_pushfstring(L, "no process %d", (int)pid));
    if (status < 0)
        return aci_fail_errno(L, "cannot signal", lua_pushfstring(L, "process %d", (int)pid),
                              -status);
    lua_pushboolean(L, 1);
    return 1;
}

/* process.signal_group(pid, name) -> true | nil, err: to the group that `pid` leads */
static int process_signal_group(lua_State *L) {
    pid_t pid = check_pid(L, 1);
    int number = spawn_signal(L, 2);
    luaL_argcheck(L, pid > 1, 1, "not a process group");
    if (kill(-pid, number) < 0) {
        const char *kind = errno == ESRCH ? "not_found" : "failed";
        const char *code = strerrorname_np(errno);
        return aci_fail(L, kind, code, lua_pushfstring(L, "no process group %d", (int)pid));
    }
    lua_pushboolean(L, 1);
    return 1;
}

static void release_list(void *thing) {
    aci_processes *list = thing;
    free(list->items);
    free(list);
}

/* process.descendants(pid) -> {pid, ...}, parents first */
static int process_descendants(lua_State *L) {
    pid_t pid = check_pid(L, 1);

    void **guard = aci_guard(L, release_list);
    aci_processes *list = *guard = calloc(1, sizeof *list);
    if (!list)
        return luaL_error(L, "not enough memory");

    int status = aci_processes_descendants(list, pid);

    if (status < 0)
        return aci_fail_errno(L, "cannot list", "/proc", -status);
    lua_createtable(L, (int)list->count, 0);
    for (size_t i = 0; i < list->count; i++) {
        lua_pushinteger(L, list->items[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* process.environment() -> {name = value} */
static int process_environment(lua_State *L) {
    lua_newtable(L);
    for (char **at = environ; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals)
            continue;
        lua_pushlstring(L, *at, (size_t)(equals - *at));
        lua_pushstring(L, equals + 1);
        lua_rawset(L, -3);
    }
    return 1;
}

/* process.home() -> folder | nil: HOME, else what the user database says */
static int process_home(lua_State *L) {
    const char *home = getenv("HOME");
    if (!home || !*home) {
        struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : NULL;
    }
    if (home && *home)
        lua_pushstring(L, home);
    else
        lua_pushnil(L);
    return 1;
}

/* process.subreaper() -> true | nil, err: orphans below us become our children */
static int process_subreaper(lua_State *L) {
    int status = aci_become_subreaper();
    if (status < 0)
        return aci_fail_errno(L, "cannot become", "subreaper", -status);
    lua_pushboolean(L, 1);
    return 1;
}

/* process.reap(): a subreaper collects ended orphans now */
static int process_reap(lua_State *L) {
    (void)L;
    aci_subreaper_collect();
    return 0;
}

/* process.trim(): gives memory back that only the start needed */
static int process_trim(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT);
    aci_memory_trim();
    return 0;
}

int luaopen_aci_process(lua_State *L) {
    static const luaL_Reg functions[] = {{"pid", process_pid},
                                         {"self", process_self},
                                         {"find", process_find},
                                         {"start_time", process_start_time},
                                         {"signal", process_signal},
                                         {"signal_group", process_signal_group},
                                         {"descendants", process_descendants},
                                         {"environment", process_environment},
                                         {"home", process_home},
                                         {"subreaper", process_subreaper},
                                         {"reap", process_reap},
                                         {"trim", process_trim},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
