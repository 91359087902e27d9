/* aci._store: the C half of aci.store, SQLite.
 *
 *    local db = assert(store.open(home .. "/state.db"))
 *    db:run("INSERT INTO notes (id, text) VALUES (?, ?)", 7, "seven")
 *    for _, note in ipairs(db:rows("SELECT * FROM notes WHERE id > ?", 3)) do print(note.text) end
 *
 * A statement is busy only inside one call: it is guarded there, and reset before the call
 * returns. Text is TEXT; a secret is kept as BLOB and comes back as a secret. */
#include "bindings.h"
#include "glue.h"

#include "core/database.h"

#include <limits.h>
#include <string.h>

#define TYPE "aci.store.db"

/* User value 1: the error of the first statement that failed since somebody asked, or nil. */
typedef struct store {
    aci_database *database; /* NULL: closed */
} store;

static store *check_store(lua_State *L) {
    store *self = luaL_checkudata(L, 1, TYPE);
    luaL_argcheck(L, self->database, 1, "the store is closed");
    return self;
}

/* -- errors ------------------------------------------------------------------------------------ */

static const char *kind_of(int code) {
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return "conflict";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "timeout"; /* somebody else writes: the same may work later */
    default:
        return "failed";
    }
}

static void remember_failure(lua_State *L) {
    if (lua_getiuservalue(L, 1, 1) == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_setiuservalue(L, 1, 1);
    }
    lua_pop(L, 1);
}

/* nil and the error. What is wrong with the SQL itself is the script's mistake and raises. */
static int failed(lua_State *L, store *self, int code) {
    sqlite3 *handle = self->database->handle;
    const char *path = sqlite3_db_filename(handle, "main");
    const char *reason = code == SQLITE_NOMEM ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
    if (code == SQLITE_ERROR || code == SQLITE_RANGE || code == SQLITE_MISUSE)
        return luaL_error(L, "SQL: %s", reason);
    const char *message =
        lua_pushfstring(L, "store %s: %s", path && *path ? path : "in memory", reason);
    aci_fail(L, kind_of(code), aci_database_code(code), message);
    remember_failure(L);
    return 2;
}

/* -- values ------------------------------------------------------------------------------------ */

static int bind_bytes(lua_State *L, int index, sqlite3_stmt *handle, int place) {
    size_t length;
    const char *bytes = aci_secret_test(L, index, &length);
    /* Static: the argument outlives the call, and bindings are cleared before it returns. */
    if (bytes)
        return sqlite3_bind_blob64(handle, place, bytes, length, SQLITE_STATIC);
    bytes = lua_tolstring(L, index, &length);
    return sqlite3_bind_text64(handle, place, bytes, length, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_value(lua_State *L, int index, sqlite3_stmt *handle, int place) {
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return sqlite3_bind_null(handle, place);
    case LUA_TBOOLEAN:
        return sqlite3_bind_int(handle, place, lua_toboolean(L, index));
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return sqlite3_bind_int64(handle, place, lua_tointeger(L, index));
        return sqlite3_bind_double(handle, place, lua_tonumber(L, index));
    default:
        return bind_bytes(L, index, handle, place);
    }
}

static bool bindable(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        return true;
    default:
        return aci_secret_test(L, index, NULL) != NULL;
    }
}

static void push_value(lua_State *L, sqlite3_stmt *handle, int column) {
    switch (sqlite3_column_type(handle, column)) {
    case SQLITE_INTEGER:
        lua_pushinteger(L, sqlite3_column_int64(handle, column));
        break;
    case SQLITE_FLOAT:
        lua_pushnumber(L, sqlite3_column_double(handle, column));
        break;
    case SQLITE_NULL:
        lua_pushnil(L);
        break;
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_column_blob(handle, column);
        aci_secret_push(L, bytes ? bytes : "", (size_t)sqlite3_column_bytes(handle, column));
        break;
    }
    default: {
        const char *text = (const char *)sqlite3_column_text(handle, column);
        lua_pushlstring(L, text ? text : "", (size_t)sqlite3_column_bytes(handle, column));
    }
    }
}

static void push_row(lua_State *L, sqlite3_stmt *handle) {
    int count = sqlite3_column_count(handle);
    lua_createtable(L, 0, count);
    for (int column = 0; column < count; column++) {
        push_value(L, handle, column);
        lua_setfield(L, -2, sqlite3_column_name(handle, column));
    }
}

/* -- one statement ----------------------------------------------------------------------------- */

/* The values of one statement: the arguments from 3 on. All are checked before it is taken. */
static int check_values(lua_State *L) {
    int count = lua_gettop(L) - 2;
    for (int i = 0; i < count; i++)
        if (!bindable(L, i + 3))
            luaL_typeerror(L, i + 3, "nil, boolean, number, string or secret");
    return count;
}

static int bind_all(lua_State *L, sqlite3_stmt *handle, int count) {
    int wanted = sqlite3_bind_parameter_count(handle);
    if (wanted != count)
        luaL_error(L, "the statement has %d parameters, got %d values", wanted, count);
    int code = SQLITE_OK;
    for (int i = 0; code == SQLITE_OK && i < count; i++)
        code = bind_value(L, i + 3, handle, i + 1);
    return code;
}

/* Takes the statement of argument 2 under a guard, which is pushed, and binds its values. */
static int begin(lua_State *L, store *self, aci_statement **result) {
    size_t length;
    const char *sql = luaL_checklstring(L, 2, &length);
    luaL_argcheck(L, length < INT_MAX && strlen(sql) == length, 2, "not SQL");
    int count = check_values(L);

    void **guard = aci_guard(L, aci_statement_give);
    aci_statement *statement;
    int code = aci_statement_take(self->database, sql, length, &statement);
    *guard = *result = statement;
    if (code == SQLITE_OK && !statement)
        luaL_error(L, "SQL: one statement is expected (exec takes more)");
    return code == SQLITE_OK ? bind_all(L, statement->handle, count) : code;
}

/* db:run(sql, ...) -> changed rows | nil, err */
static int db_run(lua_State *L) {
    store *self = check_store(L);
    aci_statement *statement;
    int code = begin(L, self, &statement);
    if (code != SQLITE_OK)
        return failed(L, self, code);

    sqlite3_int64 before = sqlite3_total_changes64(self->database->handle);
    while ((code = sqlite3_step(statement->handle)) == SQLITE_ROW)
        ;

    if (code != SQLITE_DONE)
        return failed(L, self, code);
    bool changed = sqlite3_total_changes64(self->database->handle) != before;
    lua_pushinteger(L, changed ? sqlite3_changes64(self->database->handle) : 0);
    return 1;
}

/* db:row(sql, ...) -> first row | nil when there is none | nil, err */
static int db_row(lua_State *L) {
    store *self = check_store(L);
    aci_statement *statement;
    int code = begin(L, self, &statement);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement->handle);
    if (code == SQLITE_ROW)
        push_row(L, statement->handle);
    else if (code == SQLITE_DONE)
        lua_pushnil(L);
    else
        return failed(L, self, code);
    return 1;
}

/* db:rows(sql, ...) -> array of rows | nil, err */
static int db_rows(lua_State *L) {
    store *self = check_store(L);
    aci_statement *statement;
    int code = begin(L, self, &statement);
    if (code != SQLITE_OK)
        return failed(L, self, code);
    lua_newtable(L);
    for (lua_Integer n = 1; (code = sqlite3_step(statement->handle)) == SQLITE_ROW; n++) {
        push_row(L, statement->handle);
        lua_rawseti(L, -2, n);
    }
    return code == SQLITE_DONE ? 1 : failed(L, self, code);
}

/* db:exec(sql) -> true | nil, err: any number of statements without values */
static int db_exec(lua_State *L) {
    store *self = check_store(L);
    const char *sql = luaL_checkstring(L, 2);
    int code = sqlite3_exec(self->database->handle, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return failed(L, self, code);
    lua_pushboolean(L, 1);
    return 1;
}

/* -- what the Lua half's transactions need -------------------------------------------------------
 */

/* db:take_failure() -> the error of the first statement that failed since the last time | nil */
static int db_take_failure(lua_State *L) {
    check_store(L);
    lua_getiuservalue(L, 1, 1);
    lua_pushnil(L);
    lua_setiuservalue(L, 1, 1);
    return 1;
}

/* -- opening and closing -------------------------------------------------------------------------
 */

static int db_gc(lua_State *L) {
    store *self = luaL_checkudata(L, 1, TYPE);
    if (self->database)
        aci_database_close(self->database);
    self->database = NULL;
    return 0;
}

/* db:close(): a second time does nothing */
static int db_close(lua_State *L) {
    store *self = luaL_checkudata(L, 1, TYPE);
    luaL_argcheck(L, !self->database || !self->database->busy, 1, "a statement is running");
    return db_gc(L);
}

static int db__tostring(lua_State *L) {
    store *self = luaL_checkudata(L, 1, TYPE);
    const char *path = self->database ? sqlite3_db_filename(self->database->handle, "main") : NULL;
    lua_pushfstring(L, "store (%s)", !path ? "closed" : *path ? path : "in memory");
    return 1;
}

static int open_failed(lua_State *L, store *self, const char *path, int code) {
    if (!self->database)
        return luaL_error(L, "not enough memory");
    const char *reason = sqlite3_errmsg(self->database->handle);
    int number = sqlite3_system_errno(self->database->handle);
    if ((code & 0xff) == SQLITE_CANTOPEN && number)
        return aci_fail_errno(L, "cannot open store", path, number);
    const char *message = lua_pushfstring(L, "cannot open store %s: %s", path, reason);
    return aci_fail(L, kind_of(code), aci_database_code(code), message);
}

/* store.open(path [, {read_only=, durable=, busy=}]) -> db | nil, err */
static int store_open(lua_State *L) {
    static const char *const names[] = {"read_only", "durable", "busy", NULL};
    size_t length;
    const char *path = luaL_checklstring(L, 1, &length);
    luaL_argcheck(L, length > 0 && strlen(path) == length, 1, "not a path");
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    aci_options_check(L, 2, names);
    lua_Number busy = aci_opt_number(L, 2, "busy", 2);
    luaL_argcheck(L, busy >= 0 && busy <= 3600, 2, "busy is a number of seconds");
    aci_database_options options = {.read_only = aci_opt_boolean(L, 2, "read_only", false),
                                    .durable = aci_opt_boolean(L, 2, "durable", false),
                                    .busy_ms = (int)(busy * 1000)};

    store *self = lua_newuserdatauv(L, sizeof *self, 1);
    self->database = NULL;
    luaL_setmetatable(L, TYPE);

    int code = aci_database_open(path, &options, &self->database);

    if (code != SQLITE_OK)
        return open_failed(L, self, path, code);
    return 1;
}

int luaopen_aci_store(lua_State *L) {
    static const luaL_Reg functions[] = {{"open", store_open}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"exec", db_exec},   {"run", db_run},
                                       {"row", db_row},     {"rows", db_rows},
                                       {"close", db_close}, {"take_failure", db_take_failure},
                                       {NULL, NULL}};
    luaL_newlib(L, functions);
    aci_type(L, TYPE, methods, db_gc);
    lua_pushcfunction(L, db__tostring);
    lua_setfield(L, -2, "__tostring");
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "methods");
    lua_pop(L, 1);
    return 1;
}
