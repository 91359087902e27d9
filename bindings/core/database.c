#include "database.h"

#include "interrupt.h"
#include "loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* -- opening ----------------------------------------------------------------------------------- */

/* SQLite makes files for all to read; its companions (-wal, -shm) take the mode of the first. */
static void make_private(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

/* SQLite's own wait for another writer would hold off Ctrl-C. 0: no longer. */
static int wait_for_writer(void *data, int calls) {
    aci_database *database = data;
    struct timespec pause = {.tv_nsec = calls < 4 ? 1000000L << calls : 16000000L};
    uint64_t now = aci_now_ns();
    if (calls == 0)
        database->busy_since = now;
    if (aci_interrupt_pending() ||
        now - database->busy_since >= (uint64_t)database->busy_ms * 1000000u)
        return 0;
    nanosleep(&pause, NULL); /* a signal ends it early */
    return 1;
}

static int configure(aci_database *database, const aci_database_options *options) {
    sqlite3 *handle = database->handle;
    const char *settings = "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;";
    int code = sqlite3_busy_handler(handle, wait_for_writer, database);
    database->busy_ms = options->busy_ms > 0 ? options->busy_ms : 0;
    sqlite3_extended_result_codes(handle, 1);
    if (options->durable)
        settings = "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, settings, NULL, NULL, NULL);
    if (code == SQLITE_OK && !options->read_only)
        code = sqlite3_exec(handle, "PRAGMA journal_mode = WAL;", NULL, NULL, NULL);
    return code;
}

int aci_database_open(const char *path, const aci_database_options *options,
                      aci_database **result) {
    aci_database *database = calloc(1, sizeof *database);
    *result = database;
    if (!database)
        return SQLITE_NOMEM;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (options->read_only)
        flags = SQLITE_OPEN_READONLY;
    else if (strcmp(path, ":memory:") != 0)
        make_private(path);
    int code = sqlite3_open_v2(path, &database->handle, flags, NULL);
    return code == SQLITE_OK ? configure(database, options) : code;
}

void aci_database_close(aci_database *database) {
    database->closing = true;
    if (database->busy)
        return;
    for (size_t i = 0; i < ACI_STATEMENTS_KEPT; i++)
        sqlite3_finalize(database->kept[i].handle);
    sqlite3_close_v2(database->handle);
    free(database);
}

/* -- statements -------------------------------------------------------------------------------- */

static bool is_for(const aci_statement *statement, const char *sql, size_t length) {
    const char *text = statement->used ? sqlite3_sql(statement->handle) : NULL;
    return text && strlen(text) == length && memcmp(text, sql, length) == 0;
}

static aci_statement *find(aci_database *database, const char *sql, size_t length) {
    for (size_t i = 0; i < ACI_STATEMENTS_KEPT; i++)
        if (!database->kept[i].busy && is_for(&database->kept[i], sql, length))
            return &database->kept[i];
    return NULL;
}

/* An empty place, else the one that was used longest ago, emptied; NULL when all are busy. */
static aci_statement *free_place(aci_database *database) {
    aci_statement *oldest = NULL;
    for (size_t i = 0; i < ACI_STATEMENTS_KEPT; i++) {
        aci_statement *at = &database->kept[i];
        if (!at->busy && (!oldest || at->used < oldest->used))
            oldest = at;
    }
    if (oldest && oldest->used)
        sqlite3_finalize(oldest->handle);
    if (oldest)
        *oldest = (aci_statement){.kept = true};
    return oldest;
}

static bool blank(const char *text) {
    return text[strspn(text, " \t\r\n;")] == '\0';
}

static int prepare(aci_database *database, const char *sql, size_t length, aci_statement *place) {
    const char *rest = NULL;
    int code = sqlite3_prepare_v3(database->handle, sql, (int)length + 1, SQLITE_PREPARE_PERSISTENT,
                                  &place->handle, &rest);
    if (code == SQLITE_OK && (!place->handle || !blank(rest))) {
        sqlite3_finalize(place->handle);
        place->handle = NULL;
    }
    return code;
}

int aci_statement_take(aci_database *database, const char *sql, size_t length,
                       aci_statement **result) {
    aci_statement *statement = find(database, sql, length);
    int code = SQLITE_OK;
    *result = NULL;
    if (!statement) {
        statement = free_place(database);
        if (!statement && !(statement = calloc(1, sizeof *statement)))
            return SQLITE_NOMEM;
        code = prepare(database, sql, length, statement);
        if (!statement->handle) {
            if (!statement->kept)
                free(statement);
            return code;
        }
    }
    statement->owner = database;
    statement->used = ++database->uses;
    statement->busy = true;
    database->busy++;
    *result = statement;
    return SQLITE_OK;
}

void aci_statement_give(void *thing) {
    aci_statement *statement = thing;
    aci_database *database = statement->owner;
    database->busy--;
    statement->busy = false;
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    if (!statement->kept) {
        sqlite3_finalize(statement->handle);
        free(statement);
    }
    if (database->closing)
        aci_database_close(database);
}

/* -- codes ------------------------------------------------------------------------------------- */

const char *aci_database_code(int code) {
    static const struct {
        int code;
        const char *name;
    } names[] = {
#define NAME(code) {code, #code}
        NAME(SQLITE_CONSTRAINT_CHECK),
        NAME(SQLITE_CONSTRAINT_DATATYPE),
        NAME(SQLITE_CONSTRAINT_FOREIGNKEY),
        NAME(SQLITE_CONSTRAINT_NOTNULL),
        NAME(SQLITE_CONSTRAINT_PRIMARYKEY),
        NAME(SQLITE_CONSTRAINT_ROWID),
        NAME(SQLITE_CONSTRAINT_TRIGGER),
        NAME(SQLITE_CONSTRAINT_UNIQUE),
        NAME(SQLITE_ERROR),
        NAME(SQLITE_PERM),
        NAME(SQLITE_ABORT),
        NAME(SQLITE_BUSY),
        NAME(SQLITE_LOCKED),
        NAME(SQLITE_NOMEM),
        NAME(SQLITE_READONLY),
        NAME(SQLITE_INTERRUPT),
        NAME(SQLITE_IOERR),
        NAME(SQLITE_CORRUPT),
        NAME(SQLITE_FULL),
        NAME(SQLITE_CANTOPEN),
        NAME(SQLITE_PROTOCOL),
        NAME(SQLITE_SCHEMA),
        NAME(SQLITE_TOOBIG),
        NAME(SQLITE_CONSTRAINT),
        NAME(SQLITE_MISMATCH),
        NAME(SQLITE_MISUSE),
        NAME(SQLITE_AUTH),
        NAME(SQLITE_RANGE),
        NAME(SQLITE_NOTADB),
#undef NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code)
            return names[i].name;
    return code > 0xff ? aci_database_code(code & 0xff) : "SQLITE";
}
