/* aci._fs: the C half of aci.fs.
 *
 *    local text, err = fs.read("config.lua")
 *    fs.write(home .. "/cloud.json", text, { mode = 384 })   -- 0600; readers never see half of it
 *
 * Nothing here waits: fs.lock's patience is in the Lua half. */
#include "bindings.h"
#include "glue.h"

#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TYPE "aci.fs.lock"

/* -- arguments -------------------------------------------------------------------------------- */

static const char *check_path(lua_State *L, int index) {
    size_t length;
    const char *path = luaL_checklstring(L, index, &length);
    luaL_argcheck(L, length > 0 && strlen(path) == length, index, "not a path");
    return path;
}

/* Makes sure that a table of options lies at `index`. */
static void check_options(lua_State *L, int index, const char *const *names) {
    lua_settop(L, index);
    if (lua_isnil(L, index)) {
        lua_newtable(L);
        lua_replace(L, index);
    }
    aci_options_check(L, index, names);
}

static int opt_mode(lua_State *L, int index) {
    lua_Integer mode = aci_opt_integer(L, index, "mode", ACI_FILE_MODE_UNSET);
    if (mode < ACI_FILE_MODE_UNSET || mode > 07777)
        luaL_error(L, "option 'mode' must be between 0 and 4095 (octal 7777)");
    return (int)mode;
}

static int arg_mode(lua_State *L, int index, int otherwise) {
    lua_Integer mode = luaL_optinteger(L, index, otherwise);
    luaL_argcheck(L, mode >= otherwise && mode <= 07777, index, "not a mode");
    return (int)mode;
}

/* true, or nil and the error. */
static int tell(lua_State *L, int status, const char *what, const char *path) {
    if (status < 0)
        return aci_fail_errno(L, what, path, -status);
    lua_pushboolean(L, 1);
    return 1;
}

/* -- files ------------------------------------------------------------------------------------ */

typedef struct content {
    char *bytes;
    size_t length;
} content;

static void content_release(void *thing) {
    content *whole = thing;
    if (whole->bytes)
        explicit_bzero(whole->bytes, whole->length);
    free(whole->bytes);
    free(whole);
}

/* fs.read(path [, {offset=, limit=, secret=}]) -> string | secret | nil, err */
static int fs_read(lua_State *L) {
    static const char *const names[] = {"offset", "limit", "secret", NULL};
    const char *path = check_path(L, 1);
    check_options(L, 2, names);
    lua_Integer offset = aci_opt_integer(L, 2, "offset", 0);
    lua_Integer limit = aci_opt_integer(L, 2, "limit", LUA_MAXINTEGER);
    bool as_secret = aci_opt_boolean(L, 2, "secret", false);
    luaL_argcheck(L, offset >= 0 && limit >= 0, 2, "offset and limit cannot be negative");

    void **guard = aci_guard(L, content_release);
    content *whole = *guard = calloc(1, sizeof *whole);
    if (!whole)
        return luaL_error(L, "not enough memory");

    int status =
        aci_file_read(path, (uint64_t)offset, (size_t)limit, &whole->bytes, &whole->length);

    if (status < 0)
        return aci_fail_errno(L, "cannot read", path, -status);
    if (as_secret)
        aci_secret_push(L, whole->bytes, whole->length);
    else
        lua_pushlstring(L, whole->bytes, whole->length);
    return 1;
}

/* fs.write(path, data [, {mode=, sync=}]) -> true | nil, err; data may be a secret */
static int fs_write(lua_State *L) {
    static const char *const names[] = {"mode", "sync", NULL};
    size_t length;
    const char *path = check_path(L, 1);
    const char *data = aci_bytes(L, 2, &length);
    check_options(L, 3, names);
    int mode = opt_mode(L, 3);
    bool sync = aci_opt_boolean(L, 3, "sync", false);
    if (mode == ACI_FILE_MODE_UNSET && aci_secret_test(L, 2, NULL))
        mode = 0600;
    return tell(L, aci_file_write(path, data, length, mode, sync), "cannot write", path);
}

/* fs.append(path, data [, {mode=}]) -> true | nil, err */
static int fs_append(lua_State *L) {
    static const char *const names[] = {"mode", NULL};
    size_t length;
    const char *path = check_path(L, 1);
    const char *data = aci_bytes(L, 2, &length);
    check_options(L, 3, names);
    int mode = opt_mode(L, 3);
    return tell(L, aci_file_append(path, data, length, mode), "cannot append to", path);
}

static const char *type_name(mode_t mode) {
    if (S_ISREG(mode))
        return "file";
    if (S_ISDIR(mode))
        return "directory";
    return S_ISLNK(mode) ? "link" : "other";
}

/* fs.stat(path [, {follow=true}]) -> {type, size, mtime, mode} | nil, err */
static int fs_stat(lua_State *L) {
    static const char *const names[] = {"follow", NULL};
    const char *path = check_path(L, 1);
    struct stat there;
    check_options(L, 2, names);
    bool follow = aci_opt_boolean(L, 2, "follow", true);
    if ((follow ? stat(path, &there) : lstat(path, &there)) < 0)
        return aci_fail_errno(L, "cannot look at", path, errno);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, type_name(there.st_mode));
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, there.st_size);
    lua_setfield(L, -2, "size");
    lua_pushnumber(L, (lua_Number)there.st_mtim.tv_sec + (lua_Number)there.st_mtim.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    lua_pushinteger(L, there.st_mode & 07777);
    lua_setfield(L, -2, "mode");
    return 1;
}

/* fs.chmod(path, mode) -> true | nil, err */
static int fs_chmod(lua_State *L) {
    const char *path = check_path(L, 1);
    luaL_checkinteger(L, 2);
    int status = chmod(path, (mode_t)arg_mode(L, 2, 0)) < 0 ? -errno : 0;
    return tell(L, status, "cannot change the mode of", path);
}

/* fs.rename(from, to) -> true | nil, err */
static int fs_rename(lua_State *L) {
    const char *from = check_path(L, 1), *to = check_path(L, 2);
    if (rename(from, to) < 0) {
        int number = errno;
        const char *both = lua_pushfstring(L, "%s to %s", from, to);
        return aci_fail_errno(L, "cannot rename", both, number);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* fs.remove(path) -> true | nil, err: a file, a link or an empty folder */
static int fs_remove(lua_State *L) {
    const char *path = check_path(L, 1);
    return tell(L, remove(path) < 0 ? -errno : 0, "cannot remove", path);
}

/* fs.realpath(path) -> string | nil, err */
static int fs_realpath(lua_State *L) {
    const char *path = check_path(L, 1);
    char whole[PATH_MAX];
    if (!realpath(path, whole))
        return aci_fail_errno(L, "cannot resolve", path, errno);
    lua_pushstring(L, whole);
    return 1;
}

/* fs.chdir(path) -> true | nil, err: what relative paths begin in, for the whole process */
static int fs_chdir(lua_State *L) {
    const char *path = check_path(L, 1);
    if (chdir(path))
        return aci_fail_errno(L, "cannot change to", path, errno);
    lua_pushboolean(L, 1);
    return 1;
}

/* -- folders ---------------------------------------------------------------------------------- */

/* fs.mkdir(path [, mode]) -> true | nil, err: with the folders above it; one that exists is fine */
static int fs_mkdir(lua_State *L) {
    const char *path = check_path(L, 1);
    int mode = arg_mode(L, 2, ACI_FILE_MODE_UNSET);
    return tell(L, aci_file_make_folders(path, mode), "cannot make folder", path);
}

/* fs.remove_tree(path) -> true | nil, err: nothing there is fine */
static int fs_remove_tree(lua_State *L) {
    const char *path = check_path(L, 1);
    return tell(L, aci_file_remove_tree(path), "cannot remove", path);
}

/* fs.tempdir([prefix]) -> path | nil, err: a new folder of ours (0700) under TMPDIR or /tmp */
static int fs_tempdir(lua_State *L) {
    const char *prefix = luaL_optstring(L, 1, "acihost");
    const char *top = getenv("TMPDIR");
    char path[PATH_MAX];
    luaL_argcheck(L, !strchr(prefix, '/'), 1, "a prefix has no '/'");
    int length = snprintf(path, sizeof path, "%s/%s.XXXXXX", top && *top ? top : "/tmp", prefix);
    if (length >= (int)sizeof path)
        return aci_fail_errno(L, "cannot make folder", prefix, ENAMETOOLONG);
    if (!mkdtemp(path))
        return aci_fail_errno(L, "cannot make folder", path, errno);
    lua_pushstring(L, path);
    return 1;
}

typedef struct listing {
    struct dirent **entries;
    int count;
} listing;

static void listing_release(void *thing) {
    listing *all = thing;
    for (int i = 0; i < all->count; i++)
        free(all->entries[i]);
    free(all->entries);
    free(all);
}

static int not_dots(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* By bytes: alphasort would follow the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* fs.list(path) -> sorted names | nil, err */
static int fs_list(lua_State *L) {
    const char *path = check_path(L, 1);

    void **guard = aci_guard(L, listing_release);
    listing *all = *guard = calloc(1, sizeof *all);
    if (!all)
        return luaL_error(L, "not enough memory");

    int count = scandir(path, &all->entries, not_dots, by_bytes);
    if (count < 0)
        return aci_fail_errno(L, "cannot list", path, errno);
    all->count = count;

    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, all->entries[i]->d_name);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* -- locks ------------------------------------------------------------------------------------ */

typedef struct lock {
    int fd; /* -1: given back */
} lock;

/* lock:close(): gives it back; a second time does nothing */
static int lock_close(lua_State *L) {
    lock *self = luaL_checkudata(L, 1, LOCK_TYPE);
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    return 0;
}

/* lock:fileno() -> integer: for process.spawn's `keep`, so that a child holds the lock too */
static int lock_fileno(lua_State *L) {
    lock *self = luaL_checkudata(L, 1, LOCK_TYPE);
    luaL_argcheck(L, self->fd >= 0, 1, "the lock was given back");
    lua_pushinteger(L, self->fd);
    return 1;
}

/* fs.try_lock(path) -> lock | false (somebody has it) | nil, err */
static int fs_try_lock(lua_State *L) {
    const char *path = check_path(L, 1);

    lock *self = lua_newuserdatauv(L, sizeof *self, 0);
    self->fd = -1;
    luaL_setmetatable(L, LOCK_TYPE);

    int status = aci_file_lock(path, &self->fd);

    if (status == -EWOULDBLOCK)
        lua_pushboolean(L, 0);
    else if (status < 0)
        return aci_fail_errno(L, "cannot lock", path, -status);
    return 1;
}

int luaopen_aci_fs(lua_State *L) {
    static const luaL_Reg functions[] = {{"read", fs_read},
                                         {"write", fs_write},
                                         {"append", fs_append},
                                         {"stat", fs_stat},
                                         {"chmod", fs_chmod},
                                         {"rename", fs_rename},
                                         {"remove", fs_remove},
                                         {"realpath", fs_realpath},
                                         {"chdir", fs_chdir},
                                         {"mkdir", fs_mkdir},
                                         {"remove_tree", fs_remove_tree},
                                         {"tempdir", fs_tempdir},
                                         {"list", fs_list},
                                         {"try_lock", fs_try_lock},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"close", lock_close}, {"fileno", lock_fileno}, {NULL, NULL}};
    aci_type(L, LOCK_TYPE, methods, lock_close);
    luaL_newlib(L, functions);
    return 1;
}
