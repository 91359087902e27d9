#include "sockets.h"
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct watched {
    aci_source source;
    aci_socket_ready *on_ready;
    bool ours; /* its closing is seen */
} watched;

/* By descriptor. */
static struct {
    watched **of;
    size_t room;
} sockets;

static watched *find(int fd) {
    return (size_t)fd < sockets.room ? sockets.of[fd] : NULL;
}

static void forget(int fd) {
    watched *socket = find(fd);
    if (!socket)
        return;
    aci_source_remove(&socket->source);
    free(socket);
    sockets.of[fd] = NULL;
}

static int grow(size_t needed) {
    size_t room = sockets.room ? sockets.room : 32;
    while (room < needed)
        room *= 2;
    watched **of = realloc(sockets.of, room * sizeof(watched *));
    if (!of)
        return -ENOMEM;
    memset(of + sockets.room, 0, (room - sockets.room) * sizeof(watched *));
    sockets.of = of;
    sockets.room = room;
    return 0;
}

static void on_ready(aci_source *source, unsigned events) {
    watched *socket = (watched *)source; /* its first member */
    socket->on_ready(source->fd, events);
}

static int add(int fd, bool ours) {
    watched *socket;
    if ((size_t)fd >= sockets.room && grow((size_t)fd + 1) < 0)
        return -ENOMEM;
    socket = calloc(1, sizeof *socket);
    if (!socket)
        return -ENOMEM;
    socket->source.on_ready = on_ready;
    socket->ours = ours;
    forget(fd);
    sockets.of[fd] = socket;
    return 0;
}

/* Children of the program must not inherit connections. */
int aci_sockets_open(int family, int type, int protocol) {
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0 || add(fd, true) == 0)
        return fd;
    close(fd);
    errno = ENOMEM;
    return -1;
}

int aci_sockets_close(int fd) {
    forget(fd);
    return close(fd);
}

int aci_sockets_watch(int fd, unsigned events, aci_socket_ready *ready) {
    int failed = find(fd) ? 0 : add(fd, false);
    watched *socket = find(fd);
    if (failed)
        return failed;
    socket->on_ready = ready;
    return socket->source.slot ? aci_source_modify(&socket->source, events)
                               : aci_source_add(&socket->source, fd, events);
}

void aci_sockets_leave(int fd) {
    watched *socket = find(fd);
    if (socket && socket->ours)
        aci_source_rest(&socket->source);
    else
        forget(fd);
}

void aci_sockets_free(void) {
    for (size_t fd = 0; fd < sockets.room; fd++)
        forget((int)fd);
    free(sockets.of);
    sockets.of = NULL;
    sockets.room = 0;
}
