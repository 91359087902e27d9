/* Runs the scripts in tests/core/sweep with every allocation failing in turn, those of Lua and
 * those of our C (and of SQLite and expat, which are linked in): once with all that come after it
 * failing too, once alone. Each run must end well or say that memory is short, nothing else; the
 * sanitizer build sees what leaks or is used after its end.
 *
 *    test_sweep [NAME ...]        only these scripts */
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bindings.h"

/* Give up on a script that needs more allocations than this. */
#define MOST_POINTS 20000

/* A run takes milliseconds; one that waits for what has been lost would wait for ever. */
#define MOST_SECONDS 20

static struct {
    long left; /* allocations that still succeed; negative: all do */
    bool alone, spent;
} budget = {-1, false, false};

static bool refused(void) {
    if (budget.left != 0) {
        budget.left -= budget.left > 0;
        return false;
    }
    if (budget.alone)
        budget.left = -1;
    budget.spent = true;
    errno = ENOMEM;
    return true;
}

/* ---- the linker sends our C's calls here (--wrap) ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size) {
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
    return refused() ? NULL : __real_realloc(block, size);
}

char *__wrap_strdup(const char *text) {
    return refused() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length) {
    return refused() ? NULL : __real_strndup(text, length);
}

int __wrap_asprintf(char **text, const char *format, ...) {
    va_list values;
    if (refused())
        return -1;
    va_start(values, format);
    int length = vasprintf(text, format, values);
    va_end(values);
    return length;
}

/* ---- one run ---- */

static void *allocate(void *data, void *block, size_t old, size_t size) {
    (void)data;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if ((block == NULL || size > old) && refused())
        return NULL;
    return __real_realloc(block, size);
}

/* The net modules are linked in, so that their allocations are counted too. */
static lua_State *new_state(void) {
    static const luaL_Reg net[] = {{"aci.archive", luaopen_aci_archive},
                                   {"aci.crypto", luaopen_aci_crypto},
                                   {"aci._http", luaopen_aci_http},
                                   {"aci._server", luaopen_aci_server},
                                   {NULL, NULL}};
    lua_State *L = lua_newstate(allocate, NULL);
    luaL_openlibs(L);
    aci_preload(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, net, 0);
    if (luaL_dostring(L, "require 'aci._error'")) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    return L;
}

/* Does the error on top say that memory is short? It may be an object with a message. */
static bool is_about_memory(lua_State *L) {
    const char *text = luaL_tolstring(L, -1, NULL);
    return text && strstr(text, "memory");
}

static void close_state(lua_State *L) {
    budget.left = -1;
    aci_tasks_cancel_all(L);
    lua_close(L);
}

/* One run with so many allocations; 1: it came to its end, 0: it ran out, -1: something else. */
static int run(const char *path, long allocations, bool alone) {
    lua_State *L = new_state();
    int status = luaL_loadfile(L, path);
    budget.spent = false;
    budget.alone = alone;
    budget.left = allocations;
    alarm(MOST_SECONDS);
    status = status ? status : lua_pcall(L, 0, 0, 0);
    alarm(0);
    budget.left = -1;
    int result = status == LUA_OK && !budget.spent ? 1 : 0;
    if (status != LUA_OK && status != LUA_ERRMEM && !is_about_memory(L)) {
        fprintf(stderr, "%s: allocation %ld: %s\n", path, allocations, lua_tostring(L, -1));
        result = -1;
    }
    close_state(L);
    return result;
}

/* ---- all of them ---- */

/* The number of allocations after which the script ran whole; below 0 where something went wrong.
 */
static long sweep(const char *path, bool alone) {
    for (long point = 0; point < MOST_POINTS; point++) {
        int result = run(path, point, alone);
        if (result)
            return result > 0 && point > 0 ? point : -1;
    }
    return -1;
}

static bool sweep_script(const char *name) {
    char path[4096];
    struct timespec from, to;
    snprintf(path, sizeof path, "%s/%s.lua", ACI_SWEEP, name);
    clock_gettime(CLOCK_MONOTONIC, &from);
    long after = sweep(path, false), alone = sweep(path, true);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%-18s %5ld allocations, %5ld alone, %.1f s\n", name, after, alone,
           (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    return after > 0 && alone > 0;
}

static int is_script(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end && strcmp(end, ".lua") == 0;
}

int main(int count, char **names) {
    struct dirent **found = NULL;
    int failed = 0, scripts = count > 1 ? 0 : scandir(ACI_SWEEP, &found, is_script, alphasort);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < count; i++)
        failed += !sweep_script(names[i]);
    for (int i = 0; i < scripts; i++) {
        *strrchr(found[i]->d_name, '.') = '\0';
        failed += !sweep_script(found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return failed != 0 || (count == 1 && scripts <= 0);
}
