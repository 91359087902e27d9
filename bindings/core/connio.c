/* The bytes of a connection: into its buffer, out of it, and what in it is body. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- bytes ---- */

char *aci_fifo_room(aci_fifo *fifo, size_t len) {
    if (fifo->from == fifo->to)
        fifo->from = fifo->to = 0;
    if (fifo->room - fifo->to >= len)
        return fifo->bytes + fifo->to;
    if (fifo->from) {
        memmove(fifo->bytes, fifo->bytes + fifo->from, fifo->to - fifo->from);
        fifo->to -= fifo->from;
        fifo->from = 0;
    }
    if (fifo->room - fifo->to < len) {
        size_t room = fifo->room ? fifo->room : 512;
        while (room - fifo->to < len)
            room *= 2;
        char *bytes = realloc(fifo->bytes, room);
        if (!bytes)
            return NULL;
        fifo->bytes = bytes;
        fifo->room = room;
    }
    return fifo->bytes + fifo->to;
}

int aci_fifo_add(aci_fifo *fifo, const void *bytes, size_t len) {
    if (len == 0)
        return 0;
    char *at = aci_fifo_room(fifo, len);
    if (!at)
        return -ENOMEM;
    memcpy(at, bytes, len);
    fifo->to += len;
    return 0;
}

int aci_fifo_text(aci_fifo *fifo, const char *text) {
    return aci_fifo_add(fifo, text, strlen(text));
}

void aci_fifo_free(aci_fifo *fifo) {
    free(fifo->bytes);
    *fifo = (aci_fifo){0};
}

size_t aci_fifo_held(const aci_fifo *fifo) {
    return fifo->to - fifo->from;
}

const char *aci_fifo_at(const aci_fifo *fifo) {
    return fifo->bytes ? fifo->bytes + fifo->from : "";
}

size_t aci_conn_unsent(const aci_conn *c) {
    return aci_fifo_held(&c->out) + (size_t)(c->file_left > 0 ? c->file_left : 0);
}

void aci_conn_close_file(aci_conn *c) {
    if (c->file >= 0)
        close(c->file);
    c->file = -1;
    c->file_left = 0;
}

/* ---- in ---- */

bool aci_conn_wants(const aci_conn *c) {
    if (c->eof)
        return false;
    if (c->state == CONN_REQUEST && c->body == BODY_DONE)
        return aci_fifo_held(&c->in) < IN_SMALL; /* the next request waits in the socket */
    return c->state == CONN_LINGER || aci_fifo_held(&c->in) < PIECE;
}

int aci_conn_fill(aci_conn *c) {
    size_t most = c->state == CONN_HEAD || c->state == CONN_HANDSHAKE ? IN_SMALL : PIECE;
    if (c->in.room > most || aci_fifo_held(&c->in) >= most)
        most = PIECE;
    size_t room = most > aci_fifo_held(&c->in) ? most - aci_fifo_held(&c->in) : 0;
    char *at = room ? aci_fifo_room(&c->in, room) : NULL;
    if (!at)
        return room ? -ENOMEM : 0;
    ssize_t got = aci_stream_read(&c->stream, at, room);
    if (got > 0) {
        c->moved = aci_now_ns();
        if (c->state == CONN_HEAD && !aci_fifo_held(&c->in))
            c->since = c->moved;
        c->in.to += (size_t)got;
    } else if (got == 0) {
        c->eof = true;
    }
    return (int)got;
}

/* Reads what nobody wants, under TLS too, where the last alert has been sent. */
static int discard(aci_conn *c) {
    char bytes[16 * 1024];
    ssize_t got = recv(c->stream.fd, bytes, sizeof bytes, 0);
    if (got == 0)
        c->eof = true;
    return got < 0 ? -errno : (int)got;
}

void aci_conn_fill_all(aci_conn *c) {
    int got = 1;
    while (got > 0 && aci_conn_wants(c)) {
        got = c->state == CONN_LINGER ? discard(c) : aci_conn_fill(c);
        if (!c->stream.ssl || c->state == CONN_LINGER)
            break;
    }
    if (got < 0 && got != -EAGAIN && got != -EINTR)
        aci_conn_kill(c, -got);
}

bool aci_conn_fill_pending(aci_conn *c) {
    if (c->dead || c->state == CONN_LINGER || c->state == CONN_HANDSHAKE || !aci_conn_wants(c) ||
        !aci_stream_pending(&c->stream))
        return false;
    size_t before = aci_fifo_held(&c->in);
    aci_conn_fill_all(c);
    return c->eof || aci_fifo_held(&c->in) > before;
}

static int body_of_length(aci_conn *c, aci_span *piece) {
    size_t len = aci_fifo_held(&c->in);
    if (len == 0)
        return -EAGAIN;
    if ((int64_t)len > c->body_left)
        len = (size_t)c->body_left;
    *piece = (aci_span){aci_fifo_at(&c->in), len};
    c->in.from += len;
    c->body_left -= (int64_t)len;
    if (c->body_left == 0)
        c->body = BODY_DONE;
    return 1;
}

static int body_of_chunks(aci_conn *c, aci_span *piece) {
    size_t used;
    aci_chunk got = aci_chunked_next(&c->chunks, aci_fifo_at(&c->in), aci_fifo_held(&c->in), &used,
                                     &piece->at, &piece->len);
    c->in.from += used;
    if (got == ACI_CHUNK_DATA)
        return 1;
    if (got == ACI_CHUNK_MORE)
        return -EAGAIN;
    if (got == ACI_CHUNK_BAD)
        return -EBADMSG;
    c->body = BODY_DONE;
    return 0;
}

static int body_until_the_end(aci_conn *c, aci_span *piece) {
    *piece = (aci_span){aci_fifo_at(&c->in), aci_fifo_held(&c->in)};
    c->in.from = c->in.to;
    return piece->len ? 1 : c->eof ? 0 : -EAGAIN;
}

int aci_conn_body(aci_conn *c, aci_span *piece) {
    switch (c->body) {
    case BODY_LENGTH:
        return body_of_length(c, piece);
    case BODY_CHUNKED:
        return body_of_chunks(c, piece);
    case BODY_RAW:
        return body_until_the_end(c, piece);
    default:
        return 0;
    }
}

/* ---- out ---- */

/* Puts the next piece of the file behind what is unsent. A file that became shorter leaves the
 * client with too few bytes: the connection must end. */
static void read_file(aci_conn *c) {
    size_t len = c->file_left < PIECE ? (size_t)c->file_left : PIECE;
    char *at = aci_fifo_room(&c->out, len);
    ssize_t got = at ? pread(c->file, at, len, c->file_at) : 0;
    if (got <= 0) {
        aci_conn_kill(c, EIO);
        return;
    }
    c->out.to += (size_t)got;
    c->file_at += got;
    c->file_left -= got;
    if (c->file_left == 0)
        aci_conn_close_file(c);
}

void aci_conn_flush(aci_conn *c) {
    size_t sent = 0;
    while (!c->dead && aci_conn_unsent(c) && sent < OUT_TURN) {
        if (!aci_fifo_held(&c->out)) {
            read_file(c);
            continue;
        }
        ssize_t put = aci_stream_write(&c->stream, aci_fifo_at(&c->out), aci_fifo_held(&c->out));
        if (put == -EAGAIN || put == -EINTR)
            break;
        if (put < 0) {
            aci_conn_kill(c, (int)-put);
            return;
        }
        c->out.from += (size_t)put;
        c->moved = aci_now_ns();
        sent += (size_t)put;
    }
    if (!c->dead && c->writing && aci_fifo_held(&c->out) <= OUT_LOW) {
        c->writing = false;
        aci_request_wake(c->request);
    }
}
