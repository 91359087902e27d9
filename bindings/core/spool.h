/* Where the body of an answer goes: memory (bounded), a file (complete or not there at all), or
 * a stream (a small buffer that the reader empties). Wiped when freed. */
#ifndef ACI_SPOOL_H
#define ACI_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum aci_spool_kind { ACI_SPOOL_MEMORY, ACI_SPOOL_FILE, ACI_SPOOL_STREAM } aci_spool_kind;

typedef struct aci_spool {
    aci_spool_kind kind;
    uint64_t max;   /* bytes altogether */
    uint64_t total; /* bytes that have come */
    char *bytes;    /* memory and stream */
    size_t length, room;
    char *path, *part; /* file: its name, and the name until it is complete */
    int fd;            /* file: descriptor + 1, so that zeroed means closed */
} aci_spool;

/* More than this in a stream's buffer and the sender has to wait. */
#define ACI_SPOOL_STREAM_ROOM (256 * 1024)

int aci_spool_file(aci_spool *spool, const char *path); /* copies; 0 or -ENOMEM */

/* Nothing has come yet: what comes will be kept in memory, at most `max` bytes. */
void aci_spool_to_memory(aci_spool *spool, uint64_t max);

/* Would a stream's buffer overflow? */
bool aci_spool_full(const aci_spool *spool, size_t length);

/* Takes all of it, or fails: -EFBIG over the limit, -ENOMEM, or the disk's -errno. */
int aci_spool_put(aci_spool *spool, const char *bytes, size_t length);

/* The body is complete: a file gets its name. 0 or -errno. */
int aci_spool_commit(aci_spool *spool);

/* The bytes have been read. */
void aci_spool_empty(aci_spool *spool);

/* Frees all; an incomplete file is removed. Idempotent. */
void aci_spool_drop(aci_spool *spool);

#endif
