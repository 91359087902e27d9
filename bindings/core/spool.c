#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int aci_spool_file(aci_spool *spool, const char *path) {
    spool->kind = ACI_SPOOL_FILE;
    spool->path = strdup(path);
    return spool->path ? 0 : -ENOMEM;
}

void aci_spool_to_memory(aci_spool *spool, uint64_t max) {
    spool->kind = ACI_SPOOL_MEMORY;
    if (spool->max > max)
        spool->max = max;
}

bool aci_spool_full(const aci_spool *spool, size_t length) {
    return spool->kind == ACI_SPOOL_STREAM && spool->length &&
           spool->length + length > ACI_SPOOL_STREAM_ROOM;
}

/* Not realloc: what it leaves behind could not be wiped. */
static int grow(aci_spool *spool, size_t needed) {
    size_t room = spool->room ? spool->room : 512;
    char *bytes;
    while (room < needed)
        room *= 2;
    bytes = malloc(room);
    if (!bytes)
        return -ENOMEM;
    if (spool->length)
        memcpy(bytes, spool->bytes, spool->length);
    if (spool->bytes)
        explicit_bzero(spool->bytes, spool->length);
    free(spool->bytes);
    spool->bytes = bytes;
    spool->room = room;
    return 0;
}

static int put_memory(aci_spool *spool, const char *bytes, size_t length) {
    if (spool->room - spool->length < length && grow(spool, spool->length + length) < 0)
        return -ENOMEM;
    memcpy(spool->bytes + spool->length, bytes, length);
    spool->length += length;
    return 0;
}

/* Beside its final place, so that the rename cannot cross file systems. */
static int open_part(aci_spool *spool) {
    static unsigned count;
    int fd;
    do {
        free(spool->part);
        if (asprintf(&spool->part, "%s.part-%d-%u", spool->path, (int)getpid(), ++count) < 0) {
            spool->part = NULL;
            return -ENOMEM;
        }
        fd = open(spool->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) {
        int number = errno;
        free(spool->part);
        spool->part = NULL;
        return -number;
    }
    spool->fd = fd + 1;
    return 0;
}

static int put_file(aci_spool *spool, const char *bytes, size_t length) {
    int failed = spool->fd ? 0 : open_part(spool);
    while (!failed && length) {
        ssize_t written = write(spool->fd - 1, bytes, length);
        if (written < 0 && errno != EINTR)
            failed = -errno;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return failed;
}

int aci_spool_put(aci_spool *spool, const char *bytes, size_t length) {
    if (length > spool->max - spool->total)
        return -EFBIG;
    spool->total += length;
    return spool->kind == ACI_SPOOL_FILE ? put_file(spool, bytes, length)
                                         : put_memory(spool, bytes, length);
}

int aci_spool_commit(aci_spool *spool) {
    int failed;
    if (spool->kind != ACI_SPOOL_FILE)
        return 0;
    failed = spool->fd ? 0 : open_part(spool); /* an empty body is an empty file */
    if (failed)
        return failed;
    if (close(spool->fd - 1) < 0)
        failed = -errno;
    spool->fd = 0;
    if (!failed && rename(spool->part, spool->path) < 0)
        failed = -errno;
    if (failed)
        return failed;
    free(spool->part);
    spool->part = NULL;
    return 0;
}

void aci_spool_empty(aci_spool *spool) {
    if (spool->bytes)
        explicit_bzero(spool->bytes, spool->length);
    spool->length = 0;
}

void aci_spool_drop(aci_spool *spool) {
    aci_spool_empty(spool);
    free(spool->bytes);
    if (spool->fd)
        close(spool->fd - 1);
    if (spool->part)
        unlink(spool->part);
    free(spool->part);
    free(spool->path);
    *spool = (aci_spool){.kind = spool->kind};
}
