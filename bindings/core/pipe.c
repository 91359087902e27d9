#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { FIRST_ROOM = 4 * 1024 };

static void shut(aci_pipe *pipe) {
    aci_source_remove(&pipe->source);
    if (pipe->open)
        close(pipe->fd);
    pipe->open = false;
}

static void end(aci_pipe *pipe, int fault) {
    shut(pipe);
    pipe->fault = fault;
    pipe->ended = true;
    aci_wait_done(&pipe->wait);
}

static bool make_room(aci_pipe *pipe) {
    if (pipe->length < pipe->room)
        return true;
    size_t room = pipe->room ? pipe->room * 2 : FIRST_ROOM;
    if (room > pipe->limit)
        room = pipe->limit;
    /* Not realloc: what was read may be a secret and must not stay behind. */
    char *data = malloc(room);
    if (!data)
        return false;
    if (pipe->data) {
        memcpy(data, pipe->data, pipe->length);
        explicit_bzero(pipe->data, pipe->room);
        free(pipe->data);
    }
    pipe->data = data;
    pipe->room = room;
    return true;
}

static void fill(aci_source *source, unsigned events) {
    aci_pipe *pipe = (aci_pipe *)(void *)((char *)source - offsetof(aci_pipe, source));
    (void)events;
    if (!make_room(pipe)) {
        end(pipe, ENOMEM);
        return;
    }
    ssize_t got = read(pipe->fd, pipe->data + pipe->length, pipe->room - pipe->length);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(pipe, got < 0 ? errno : 0);
        return;
    }
    pipe->length += (size_t)got;
    if (pipe->length >= pipe->limit) {
        pipe->full = true;
        aci_source_remove(source);
    }
    aci_wait_done(&pipe->wait);
}

int aci_pipe_open(aci_pipe *pipe, int fd, size_t limit) {
    pipe->fd = fd;
    pipe->open = true;
    pipe->limit = limit ? limit : 1;
    pipe->source.on_ready = fill;
    int flags = fcntl(fd, F_GETFL);
    int status = fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
    if (status == 0)
        status = aci_source_add(&pipe->source, fd, EPOLLIN);
    if (status < 0)
        shut(pipe);
    return status;
}

void aci_pipe_taken(aci_pipe *pipe) {
    if (pipe->data)
        explicit_bzero(pipe->data, pipe->length);
    pipe->length = 0;
    if (pipe->open && !pipe->source.slot && aci_source_add(&pipe->source, pipe->fd, EPOLLIN) < 0)
        end(pipe, ENOMEM);
    if (!pipe->ended)
        pipe->wait.done = false;
}

void aci_pipe_close(aci_pipe *pipe) {
    shut(pipe);
    pipe->ended = true;
    aci_wait_forget(&pipe->wait);
    if (pipe->data)
        explicit_bzero(pipe->data, pipe->length);
    free(pipe->data);
    pipe->data = NULL;
    pipe->length = pipe->room = 0;
}
