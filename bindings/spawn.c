/* aci._spawn: starting processes, for aci.process.
 *
 *    local tool <close> = process.spawn { args = { "az", "account", "show" }, stdout = "pipe" }
 *    for line in tool:lines() do print(line) end
 *
 * A process object owns an aci_child, which outlives it while the process runs; each of its piped
 * streams is a waitable of its own, held as user value 1 (stdout) and 2 (stderr). */
#include "bindings.h"
#include "glue.h"
#include "spawn_options.h"

#include "core/child.h"
#include "core/pipe.h"
#include "core/processes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define PROC_TYPE "aci.process.proc"
#define STREAM_TYPE "aci.process.stream"

typedef struct proc {
    aci_wait wait;
    aci_child *child;
    bool detached;
} proc;

typedef struct stream {
    aci_pipe pipe; /* its first member is the wait */
} stream;

/* -- spawn ------------------------------------------------------------------------------------- */

/* Pushes the process with its two streams, all still empty. */
static proc *push_proc(lua_State *L, stream *streams[ACI_STREAMS]) {
    proc *self = aci_waitable_new(L, sizeof *self, PROC_TYPE, 2);
    streams[0] = NULL;
    for (int number = 1; number < ACI_STREAMS; number++) {
        streams[number] = aci_waitable_new(L, sizeof(stream), STREAM_TYPE, 0);
        lua_setiuservalue(L, -2, number);
    }
    return self;
}

static int start(aci_launch *launch, proc *self, stream *streams[], size_t limit) {
    int status = 0;
    for (int number = 1; status == 0 && number < ACI_STREAMS; number++) {
        int fd = launch->reading[number];
        launch->reading[number] = -1;
        if (fd >= 0)
            status = aci_pipe_open(&streams[number]->pipe, fd, limit);
        else
            streams[number]->pipe.ended = streams[number]->pipe.wait.done = true;
    }
    return status < 0 ? status : aci_child_start(launch, &self->wait, &self->child);
}

static int spawn_failed(lua_State *L, const aci_launch *launch, int status) {
    const char *subject = launch->failed_at;
    if (!subject)
        subject = launch->arguments.items[0];
    return aci_fail_errno(L, "cannot run", subject, -status);
}

/* process.spawn(options) -> proc | nil, err */
static int process_spawn(lua_State *L) {
    stream *streams[ACI_STREAMS];
    lua_settop(L, 1);
    spawn_check(L, 1);
    lua_Integer limit = aci_opt_integer(L, 1, "buffer", SPAWN_BUFFER);

    proc *self = push_proc(L, streams); // 2
    void **guard = aci_guard(L, aci_launch_free);
    aci_launch *launch = *guard = aci_launch_new();
    if (!launch)
        return luaL_error(L, "not enough memory");
    spawn_fill(L, 1, launch);
    int status = spawn_fill_streams(L, 1, launch);

    self->detached = launch->session;
    if (status == 0)
        status = start(launch, self, streams, (size_t)limit);

    if (status < 0)
        return spawn_failed(L, launch, status);
    lua_pushvalue(L, 2);
    return 1;
}

static void push_signal(lua_State *L, int number) {
    const char *name = aci_signal_name(number);
    if (name)
        lua_pushstring(L, name);
    else
        lua_pushfstring(L, "%d", number);
}

/* -- methods of a process -----------------------------------------------------------------------
 */

static proc *check_proc(lua_State *L) {
    proc *self = luaL_checkudata(L, 1, PROC_TYPE);
    luaL_argcheck(L, self->child, 1, "the process was let go");
    return self;
}

/* proc:pid() -> integer */
static int proc_pid(lua_State *L) {
    lua_pushinteger(L, check_proc(L)->child->pid);
    return 1;
}

/* proc:result() -> {code=} | {signal=} | nil while it runs; {} if nobody can know */
static int proc_result(lua_State *L) {
    aci_child *child = check_proc(L)->child;
    if (child->running)
        return 0;
    lua_createtable(L, 0, 1);
    if (child->known && child->signal) {
        push_signal(L, child->signal);
        lua_setfield(L, -2, "signal");
    } else if (child->known) {
        lua_pushinteger(L, child->code);
        lua_setfield(L, -2, "code");
    }
    return 1;
}

/* proc:kill([signal]) -> true | false if it had ended already | nil, err: to its whole group */
static int proc_kill(lua_State *L) {
    proc *self = check_proc(L);
    int number = lua_isnoneornil(L, 2) ? SIGTERM : spawn_signal(L, 2);
    int status = aci_child_signal(self->child, number);
    if (status < 0 && status != -ESRCH)
        return aci_fail_errno(L, "cannot signal", "the process", -status);
    lua_pushboolean(L, status == 0);
    return 1;
}

/* proc:stream("stdout" | "stderr") -> stream */
static int proc_stream(lua_State *L) {
    static const char *const names[] = {"stdout", "stderr", NULL};
    check_proc(L);
    lua_getiuservalue(L, 1, luaL_checkoption(L, 2, "stdout", names) + 1);
    return 1;
}

static int proc__gc(lua_State *L) {
    proc *self = luaL_checkudata(L, 1, PROC_TYPE);
    aci_child *child = self->child;
    self->child = NULL;
    aci_wait_forget(&self->wait);
    if (child)
        aci_child_release(child);
    return 0;
}

/* The end of its scope is the end of the process, unless it was started to outlive us. */
static int proc__close(lua_State *L) {
    proc *self = luaL_checkudata(L, 1, PROC_TYPE);
    if (self->child && !self->detached)
        aci_child_signal(self->child, SIGKILL);
    return 0;
}

static int proc__tostring(lua_State *L) {
    proc *self = luaL_checkudata(L, 1, PROC_TYPE);
    if (!self->child)
        lua_pushliteral(L, "process (let go)");
    else
        lua_pushfstring(L, "process %d (%s)", (int)self->child->pid,
                        self->child->running ? "running" : "ended");
    return 1;
}

/* -- streams ----------------------------------------------------------------------------------- */

/* stream:take([as_secret]) -> all bytes that are there | nil at the end | false: none yet; raises
 * where it ended before its end, so that half an output never passes for a whole one */
static int stream_take(lua_State *L) {
    aci_pipe *pipe = &((stream *)luaL_checkudata(L, 1, STREAM_TYPE))->pipe;
    if (pipe->length == 0) {
        if (pipe->fault)
            return luaL_error(L, "cannot read the program's output: %s", strerror(pipe->fault));
        if (!pipe->ended)
            lua_pushboolean(L, 0);
        else
            lua_pushnil(L);
        return 1;
    }
    if (lua_toboolean(L, 2))
        aci_secret_push(L, pipe->data, pipe->length);
    else
        lua_pushlstring(L, pipe->data, pipe->length);
    aci_pipe_taken(pipe);
    return 1;
}

/* stream:full() -> true once the buffer has been full */
static int stream_full(lua_State *L) {
    lua_pushboolean(L, ((stream *)luaL_checkudata(L, 1, STREAM_TYPE))->pipe.full);
    return 1;
}

static int stream__gc(lua_State *L) {
    aci_pipe_close(&((stream *)luaL_checkudata(L, 1, STREAM_TYPE))->pipe);
    return 0;
}

/* -- opening ----------------------------------------------------------------------------------- */

/* Leaves the methods of the type that was just made in field `name` of the module below it, for
 * the Lua half to add to. */
static void export_methods(lua_State *L, const char *name) {
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, name);
    lua_pop(L, 1);
}

int luaopen_aci_spawn(lua_State *L) {
    static const luaL_Reg functions[] = {{"spawn", process_spawn}, {NULL, NULL}};
    static const luaL_Reg proc_methods[] = {{"pid", proc_pid},
                                            {"result", proc_result},
                                            {"kill", proc_kill},
                                            {"stream", proc_stream},
                                            {NULL, NULL}};
    static const luaL_Reg stream_methods[] = {
        {"take", stream_take}, {"full", stream_full}, {NULL, NULL}};
    luaL_newlib(L, functions);
    aci_waitable_type(L, PROC_TYPE, proc_methods, proc__gc);
    lua_pushcfunction(L, proc__close);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, proc__tostring);
    lua_setfield(L, -2, "__tostring");
    export_methods(L, "proc");
    aci_waitable_type(L, STREAM_TYPE, stream_methods, stream__gc);
    export_methods(L, "stream");
    return 1;
}
