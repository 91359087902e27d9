#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 511, ACCEPT_TURN = 16 };

static const uint64_t RETRY_NS = 100 * 1000000ull;

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

/* ---- addresses ---- */

static int read_address(address *a, socklen_t *len, const char *host, int port) {
    memset(a, 0, sizeof *a);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)port);
        *len = sizeof a->v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) != 1)
        return -EINVAL;
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons((uint16_t)port);
    *len = sizeof a->v6;
    return 0;
}

static bool is_loopback(const address *a) {
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static int port_of(const address *a) {
    return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

static void print_peer(const address *a, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN] = "";
    bool v4 = a->any.sa_family == AF_INET;
    const void *bytes = v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr;
    inet_ntop(a->any.sa_family, bytes, host, sizeof host);
    snprintf(text, size, v4 ? "%s:%d" : "[%s]:%d", host, port_of(a));
}

/* ---- accepting ---- */

static void accept_more(aci_server *s, bool yes) {
    s->full = !yes;
    if (!s->closed)
        aci_source_modify(&s->source, yes ? EPOLLIN : 0);
}

static void on_retry(aci_timer *timer) {
    aci_server *s = (aci_server *)((char *)timer - offsetof(aci_server, retry));
    accept_more(s, s->count < s->options.connections);
}

static void adopt(aci_server *s, int fd, const address *from) {
    char peer[64];
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    print_peer(from, peer, sizeof peer);
    aci_conn *c = aci_conn_new(s, fd, peer);
    if (!c) {
        close(fd);
        return;
    }
    c->next = s->conns;
    if (c->next)
        c->next->before = c;
    s->conns = c;
    s->count++;
    aci_conn_enter(c); /* sets its timer */
    aci_conn_leave(c);
}

static void on_accept(aci_source *source, unsigned events) {
    aci_server *s = (aci_server *)source;
    (void)events;
    for (int i = 0; i < ACCEPT_TURN && s->count < s->options.connections; i++) {
        address from;
        socklen_t len = sizeof from;
        int fd = accept4(source->fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            accept_more(s, false); /* no descriptors: look again in a moment, don't spin */
            aci_timer_set(&s->retry, aci_now_ns() + RETRY_NS);
        }
        if (fd < 0)
            return;
        adopt(s, fd, &from);
    }
    if (s->count >= s->options.connections)
        accept_more(s, false);
}

void aci_server_left(aci_server *s) {
    s->count--;
    if (s->full && !s->retry.index)
        accept_more(s, true);
}

/* ---- life ---- */

static int listen_on(aci_server *s) {
    address a;
    socklen_t len;
    int on = 1, failed = read_address(&a, &len, s->options.host, s->options.port);
    if (failed)
        return failed;
    if (!s->options.is_public && !is_loopback(&a))
        return -EPERM;
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &a.any, len) < 0 || listen(fd, BACKLOG) < 0 || getsockname(fd, &a.any, &len) < 0)
        failed = -errno;
    else
        failed = aci_source_add(&s->source, fd, EPOLLIN);
    if (failed)
        close(fd);
    s->port = port_of(&a);
    return failed;
}

int aci_server_open(aci_server **out, const aci_server_options *options, aci_wait *wait) {
    aci_server *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->options = *options;
    s->wait = wait;
    s->source.on_ready = on_accept;
    s->retry.on_due = on_retry;
    int failed = listen_on(s);
    s->options.host = NULL; /* the caller's */
    if (failed)
        free(s);
    else
        *out = s;
    return failed;
}

int aci_server_port(const aci_server *s) {
    return s->port;
}

bool aci_server_closed(const aci_server *s) {
    return s->closed;
}

size_t aci_server_busy(const aci_server *s) {
    size_t busy = 0;
    for (const aci_conn *c = s->conns; c; c = c->next)
        busy += c->state == CONN_REQUEST || c->state == CONN_ANSWERED;
    return busy;
}

/* Ends every connection, or those that have no answer to send. */
static void end_conns(aci_server *s, bool all) {
    for (aci_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        bool idle = c->state == CONN_HANDSHAKE || c->state == CONN_HEAD;
        bool dropped = c->state == CONN_REQUEST && !c->request->wait;
        if (!all && !idle && !dropped)
            continue;
        aci_conn_enter(c);
        if (c->state == CONN_HEAD)
            aci_stream_end(&c->stream);
        aci_conn_kill(c, ECANCELED);
        aci_conn_leave(c);
    }
}

void aci_server_close(aci_server *s) {
    if (s->closed)
        return;
    s->closed = true;
    aci_source_remove(&s->source);
    aci_timer_cancel(&s->retry);
    close(s->source.fd);
    end_conns(s, false);
    aci_wait_done(s->wait);
}

void aci_server_free(aci_server *s) {
    if (!s)
        return;
    aci_server_close(s);
    end_conns(s, true);
    aci_tls_free(s->options.tls);
    free(s);
}

/* ---- the queue ---- */

void aci_server_offer(aci_server *s, aci_request *r) {
    if (s->last)
        s->last->next = r;
    else
        s->first = r;
    s->last = r;
    aci_wait_done(s->wait);
}

void aci_server_withdraw(aci_server *s, aci_request *r) {
    aci_request *before = NULL;
    for (aci_request *at = s->first; at && at != r; at = at->next)
        before = at;
    if (before)
        before->next = r->next;
    else
        s->first = r->next;
    if (s->last == r)
        s->last = before;
    aci_request_free(r);
}

aci_request *aci_server_take(aci_server *s, aci_wait *wait) {
    aci_request *r = s->first;
    if (r) {
        s->first = r->next;
        if (!s->first)
            s->last = NULL;
        r->next = NULL;
        r->wait = wait;
    }
    if (!s->first && !s->closed)
        s->wait->done = false;
    return r;
}
