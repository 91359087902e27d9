/* The reading end of a pipe on the loop, with a bounded buffer: when it is full, nothing more is
 * read until somebody takes what is there, and the writer waits. */
#ifndef ACI_PIPE_H
#define ACI_PIPE_H

#include "loop.h"

typedef struct aci_pipe {
    aci_wait wait; /* done while there are bytes to take, or after the end */
    aci_source source;
    int fd;
    bool open;  /* fd is ours */
    bool ended; /* nothing comes any more; what is in the buffer can still be taken */
    bool full;  /* the limit was reached at least once */
    int fault;  /* errno where it ended before its end */
    char *data;
    size_t length;
    size_t room;
    size_t limit;
} aci_pipe;

/* Owns `fd` from here on, also when it fails; 0 or a negative errno. */
int aci_pipe_open(aci_pipe *pipe, int fd, size_t limit);

/* Forgets the bytes in the buffer and goes on reading. */
void aci_pipe_taken(aci_pipe *pipe);

/* Closes and frees; idempotent. */
void aci_pipe_close(aci_pipe *pipe);

#endif
