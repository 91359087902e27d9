/* One connection of the server. Every way in is between aci_conn_enter and aci_conn_leave, so
 * that aci_conn_kill may be called anywhere and the memory goes only when nobody uses it. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static const double LINGER_SECONDS = 2;

/* ---- time ---- */

static uint64_t seconds(double s) {
    return (uint64_t)(s * 1e9);
}

/* When this connection is given up if nothing happens; UINT64_MAX: never. */
static uint64_t due(const aci_conn *c) {
    const aci_server_options *o = &c->server->options;
    uint64_t stalled = c->moved + seconds(o->stall_timeout);
    switch (c->state) {
    case CONN_HANDSHAKE:
        return c->since + seconds(o->head_timeout);
    case CONN_HEAD:
        return c->since + seconds(aci_fifo_held(&c->in) ? o->head_timeout : o->idle_timeout);
    case CONN_REQUEST:
        return (c->reading && c->body != BODY_RAW) || aci_conn_unsent(c) ? stalled : UINT64_MAX;
    case CONN_ANSWERED:
        return stalled;
    default:
        return c->since + seconds(LINGER_SECONDS);
    }
}

/* The timer is left alone where it is early enough: on_due looks again. A request then costs
 * no work on the heap. */
static void arm(aci_conn *c) {
    uint64_t when = due(c);
    if (when == UINT64_MAX || (c->timer.index && c->timer.due <= when))
        return;
    if (aci_timer_set(&c->timer, when) < 0)
        aci_conn_kill(c, ENOMEM);
}

static void on_due(aci_timer *timer) {
    aci_conn *c = (aci_conn *)((char *)timer - offsetof(aci_conn, timer));
    aci_conn_enter(c);
    if (aci_now_ns() >= due(c)) {
        if (c->state == CONN_HEAD && aci_fifo_held(&c->in))
            aci_conn_refuse(c, 408, "the request head did not come in time");
        else if (c->state == CONN_REQUEST && c->reading)
            aci_conn_refuse(c, 408, "the request body did not come in time");
        else
            aci_conn_kill(c, ETIMEDOUT);
    }
    aci_conn_step(c);
    aci_conn_leave(c);
}

/* ---- life ---- */

static void set_state(aci_conn *c, conn_state state) {
    c->state = state;
    c->since = c->moved = aci_now_ns();
}

static void watch(aci_conn *c) {
    unsigned events = aci_conn_wants(c) ? EPOLLIN : 0;
    if (c->state == CONN_HANDSHAKE)
        events = c->stream.wants;
    else if (aci_conn_unsent(c) && c->state != CONN_LINGER)
        events |= EPOLLOUT;
    if (aci_source_modify(&c->source, events) < 0)
        aci_conn_kill(c, EIO);
}

void aci_conn_enter(aci_conn *c) {
    c->busy++;
}

void aci_conn_leave(aci_conn *c) {
    if (!c->dead)
        watch(c);
    if (!c->dead)
        arm(c);
    if (--c->busy || !c->dead)
        return;
    aci_fifo_free(&c->in);
    aci_fifo_free(&c->out);
    free(c->tunnel);
    free(c->tunnel_host);
    free(c);
}

/* The request loses its connection; whoever waits for it is told. */
static void lose_request(aci_conn *c, int error) {
    aci_request *request = c->request;
    c->request = NULL;
    if (!request)
        return;
    request->conn = NULL;
    request->error = error;
    if (request->wait)
        aci_request_wake(request);
    else
        aci_server_withdraw(c->server, request);
}

void aci_conn_kill(aci_conn *c, int error) {
    if (c->dead)
        return;
    c->dead = true;
    aci_source_remove(&c->source);
    aci_timer_cancel(&c->timer);
    aci_stream_close(&c->stream);
    aci_conn_close_file(c);
    lose_request(c, error);
    if (c->before)
        c->before->next = c->next;
    else
        c->server->conns = c->next;
    if (c->next)
        c->next->before = c->before;
    aci_server_left(c->server);
}

/* ---- ends ---- */

/* Nothing more is sent. What the client still sends is read away for a moment: closing a socket
 * with unread bytes resets it, and the client would lose the answer. */
static void end_answers(aci_conn *c) {
    aci_stream_end(&c->stream);
    set_state(c, CONN_LINGER);
    c->in.from = c->in.to = 0;
}

void aci_conn_refuse(aci_conn *c, int status, const char *reason) {
    if (c->request && c->request->started) {
        aci_conn_kill(c, status == 408 ? ETIMEDOUT : EBADMSG);
        return;
    }
    lose_request(c, status == 408 ? ETIMEDOUT : EBADMSG);
    c->last = true;
    c->body = BODY_DONE;
    set_state(c, CONN_ANSWERED);
    if (aci_answer_text(&c->out, status, reason) < 0)
        aci_conn_kill(c, ENOMEM);
    else
        aci_conn_flush(c);
}

void aci_conn_answered(aci_conn *c) {
    c->request->conn = NULL;
    c->request = NULL;
    c->reading = c->writing = false;
    set_state(c, CONN_ANSWERED);
    aci_conn_flush(c);
    aci_conn_step(c);
}

/* ---- a head becomes a request ---- */

static aci_request *request_new(aci_conn *c, size_t len) {
    aci_request *request = calloc(1, sizeof *request);
    char *bytes = malloc(len);
    char *tunnel = c->tunnel ? strdup(c->tunnel) : NULL;
    if (!request || !bytes || (c->tunnel && !tunnel)) {
        free(request);
        free(bytes);
        free(tunnel);
        return NULL;
    }
    memcpy(bytes, aci_fifo_at(&c->in), len);
    request->bytes = bytes;
    request->tunnel = tunnel;
    request->conn = c;
    request->secure = c->stream.ssl != NULL;
    request->left = -1;
    memcpy(request->peer, c->peer, sizeof request->peer);
    return request;
}

static aci_refusal refusal_of(const aci_conn *c, const aci_head *head) {
    if (head->connect && !c->server->options.proxy)
        return (aci_refusal){405, "this server is no proxy"};
    return (aci_refusal){0, NULL};
}

static void begin_request(aci_conn *c, size_t len) {
    aci_request *request = request_new(c, len);
    if (!request) {
        aci_conn_kill(c, ENOMEM);
        return;
    }
    aci_refusal refusal = aci_head_parse(&request->head, request->bytes, len);
    if (!refusal.status)
        refusal = refusal_of(c, &request->head);
    if (refusal.status) {
        request->conn = NULL;
        aci_request_free(request);
        aci_conn_refuse(c, refusal.status, refusal.reason);
        return;
    }
    c->in.from += len;
    c->request = request;
    c->expects = request->head.expects;
    c->last = !request->head.keep;
    c->body = request->head.chunked      ? BODY_CHUNKED
              : request->head.length > 0 ? BODY_LENGTH
                                         : BODY_DONE;
    c->body_left = request->head.length;
    c->chunks = (aci_chunked){0};
    c->skipped = 0;
    set_state(c, CONN_REQUEST);
    aci_server_offer(c->server, request);
}

/* Some clients send an empty line after a body (RFC 9112, 2.2). */
static void skip_empty_lines(aci_conn *c) {
    while (c->scanned == 0 && aci_fifo_held(&c->in) >= 2 &&
           memcmp(aci_fifo_at(&c->in), "\r\n", 2) == 0)
        c->in.from += 2;
}

/* True: the state changed, go on. */
static bool step_head(aci_conn *c) {
    aci_refusal refusal;
    skip_empty_lines(c);
    bool half_line = aci_fifo_held(&c->in) == 1 && c->in.bytes[c->in.from] == '\r';
    aci_scan scan = half_line ? ACI_SCAN_MORE
                              : aci_head_scan(aci_fifo_at(&c->in), aci_fifo_held(&c->in),
                                              &c->scanned, &refusal);
    size_t len = c->scanned;
    if (scan == ACI_SCAN_MORE) {
        if (c->eof || (c->server->closed && !aci_fifo_held(&c->in)))
            end_answers(c);
        return c->state == CONN_LINGER;
    }
    c->scanned = 0;
    if (scan == ACI_SCAN_REFUSED)
        aci_conn_refuse(c, refusal.status, refusal.reason);
    else
        begin_request(c, len);
    return true;
}

/* ---- the other states ---- */

static bool step_handshake(aci_conn *c) {
    int result = aci_stream_handshake(&c->stream);
    if (result == -EAGAIN)
        return false;
    if (result < 0) {
        aci_conn_kill(c, -result);
        return false;
    }
    set_state(c, CONN_HEAD);
    aci_conn_fill_all(c); /* the first request may have come with the last of it */
    return true;
}

static void begin_tls(aci_conn *c) {
    c->upgrade = false;
    int failed = aci_stream_secure(&c->stream, c->server->options.tls, aci_fifo_at(&c->in),
                                   aci_fifo_held(&c->in));
    c->in.from = c->in.to;
    c->stream.wants = EPOLLIN;
    set_state(c, CONN_HANDSHAKE);
    if (failed)
        aci_conn_kill(c, -failed);
}

/* Skips what nobody read of the body. True: nothing is left of it, or no more is skipped. */
static bool skip_body(aci_conn *c) {
    aci_span piece;
    int got;
    while ((got = aci_conn_body(c, &piece)) > 0 && c->skipped <= SKIP_MAX)
        c->skipped += piece.len;
    bool waits = got == -EAGAIN && !c->eof;
    if (got != 0 && !waits)
        c->last = true;
    return !waits;
}

static bool step_answered(aci_conn *c) {
    if (aci_conn_unsent(c))
        return false;
    if (!c->last && !skip_body(c))
        return false;
    if (c->last || (c->server->closed && !aci_fifo_held(&c->in))) {
        end_answers(c);
    } else if (c->upgrade) {
        begin_tls(c);
    } else {
        set_state(c, CONN_HEAD);
        if (!aci_fifo_held(&c->in) && c->in.room > IN_SMALL)
            aci_fifo_free(&c->in);
        if (c->out.room > PIECE)
            aci_fifo_free(&c->out);
    }
    return true;
}

static bool step_request(aci_conn *c) {
    if (c->reading && (aci_fifo_held(&c->in) || c->eof)) {
        c->reading = false;
        aci_request_wake(c->request);
    }
    return false;
}

static bool step_linger(aci_conn *c) {
    if (c->eof)
        aci_conn_kill(c, ECONNRESET);
    return false;
}

void aci_conn_step(aci_conn *c) {
    static bool (*const steps[])(aci_conn *) = {
        [CONN_HANDSHAKE] = step_handshake, [CONN_HEAD] = step_head,
        [CONN_REQUEST] = step_request,     [CONN_ANSWERED] = step_answered,
        [CONN_LINGER] = step_linger,
    };
    /* TLS may hold bytes that epoll can't see. */
    while (!c->dead && (steps[c->state](c) || aci_conn_fill_pending(c)))
        ;
}

static void on_ready(aci_source *source, unsigned events) {
    aci_conn *c = (aci_conn *)source;
    aci_conn_enter(c);
    if (events & EPOLLERR)
        aci_conn_kill(c, ECONNRESET);
    if (!c->dead && c->state != CONN_HANDSHAKE) {
        if (events & EPOLLOUT)
            aci_conn_flush(c);
        if (!c->dead && (events & (EPOLLIN | EPOLLHUP)))
            aci_conn_fill_all(c);
    }
    aci_conn_step(c);
    aci_conn_leave(c);
}

aci_conn *aci_conn_new(aci_server *server, int fd, const char *peer) {
    aci_conn *c = calloc(1, sizeof *c);
    bool secure = server->options.tls && !server->options.proxy;
    if (!c)
        return NULL;
    c->server = server;
    c->file = -1;
    c->stream.fd = fd;
    c->source.on_ready = on_ready;
    c->timer.on_due = on_due;
    memcpy(c->peer, peer, strnlen(peer, sizeof c->peer - 1));
    set_state(c, secure ? CONN_HANDSHAKE : CONN_HEAD);
    c->stream.wants = EPOLLIN;
    if ((secure && aci_stream_secure(&c->stream, server->options.tls, NULL, 0) < 0) ||
        aci_source_add(&c->source, fd, EPOLLIN) < 0) {
        c->stream.fd = -1; /* the caller keeps the descriptor */
        aci_stream_close(&c->stream);
        free(c);
        return NULL;
    }
    return c;
}
