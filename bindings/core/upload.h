/* What a request sends as its body: bytes in memory, a file, or pieces that somebody gives one at a
 * time. Wiped when freed. Zeroed it is no body. */
#ifndef ACI_UPLOAD_H
#define ACI_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum aci_upload_kind {
    ACI_UPLOAD_NONE,
    ACI_UPLOAD_MEMORY,
    ACI_UPLOAD_FILE,
    ACI_UPLOAD_PIECES
} aci_upload_kind;

typedef struct aci_upload {
    aci_upload_kind kind;
    int64_t size; /* of the whole body; -1: not known before its end */
    int64_t sent;
    char *bytes; /* memory: the body; pieces: the one that is being sent */
    size_t length, at;
    int fd;      /* file: descriptor + 1, so that zeroed means closed */
    bool hungry; /* pieces: the next one is waited for */
    bool ended;  /* pieces: the last one was given */
} aci_upload;

int aci_upload_memory(aci_upload *upload, const char *bytes,
                      size_t length);                      /* copies; 0 or errno */
int aci_upload_file(aci_upload *upload, const char *path); /* a regular file; 0 or errno */
void aci_upload_pieces(aci_upload *upload, int64_t size);

/* The next bytes: how many, 0 at the end. -EAGAIN: a piece must be given first; -ENODATA: the file
 * or the pieces end before `size`; else the disk's -errno. */
ssize_t aci_upload_take(aci_upload *upload, char *bytes, size_t room);

/* Gives the next piece, when it is hungry; no bytes are the end. 0, -EFBIG: more than `size` in
 * all, -EALREADY: not hungry, or -ENOMEM. */
int aci_upload_give(aci_upload *upload, const char *bytes, size_t length);

/* From an earlier byte again. False: it cannot. */
bool aci_upload_rewind(aci_upload *upload, int64_t offset);

void aci_upload_drop(aci_upload *upload);

#endif
