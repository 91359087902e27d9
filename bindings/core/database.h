/* An SQLite file with the settings we want, and its prepared statements, kept for the next time. */
#ifndef ACI_DATABASE_H
#define ACI_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACI_STATEMENTS_KEPT = 64 };

typedef struct aci_database aci_database;

typedef struct aci_statement {
    aci_database *owner;
    sqlite3_stmt *handle;
    uint64_t used; /* when, in uses of the database; 0: an empty place */
    bool busy;
    bool kept; /* lies in the owner's table */
} aci_statement;

struct aci_database {
    sqlite3 *handle;
    uint64_t uses;
    size_t busy; /* statements that are taken */
    int busy_ms;
    uint64_t busy_since;
    bool closing;
    aci_statement kept[ACI_STATEMENTS_KEPT];
};

typedef struct aci_database_options {
    bool read_only;
    bool durable; /* committed means on the disk, not only with the kernel */
    int busy_ms;  /* how long to wait for another process that writes */
} aci_database_options;

/* Opens or makes (0600) the file; SQLite's result code. `*database` is set also after a failure,
 * for its message, and must be closed; NULL only when memory ran out. */
int aci_database_open(const char *path, const aci_database_options *options,
                      aci_database **database);

/* At once, or when the last statement is given back: where memory is short, guards are released
 * late. */
void aci_database_close(aci_database *database);

/* The prepared statement for one SQL text. SQLITE_OK with NULL: the text holds no statement, or
 * more than one. */
int aci_statement_take(aci_database *database, const char *sql, size_t length,
                       aci_statement **statement);

/* Resets it and forgets its values, so that it holds neither locks nor secrets. */
void aci_statement_give(void *statement);

/* "SQLITE_BUSY" and the like. */
const char *aci_database_code(int code);

#endif
