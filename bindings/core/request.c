/* What the taker of a request does with it but for plain answers: read its body, begin TLS, give
 * it back. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- CONNECT ---- */

static char *copy_span(aci_span s) {
    return strndup(s.at, s.len);
}

int aci_request_tls(aci_request *r) {
    aci_conn *c = r->conn;
    aci_span host;
    int port;
    if (!c || r->started)
        return c ? -EALREADY : aci_request_lost(r);
    if (!r->head.connect || !c->server->options.tls || c->stream.ssl)
        return -ENOTSUP;
    aci_head_authority(r->head.target, &host, &port);
    aci_conn_enter(c);
    r->started = true;
    c->tunnel = copy_span(r->head.target);
    c->tunnel_host = copy_span(host);
    c->stream.name = c->tunnel_host;
    c->upgrade = true;
    c->last = false;
    int failed = aci_fifo_text(&c->out, "HTTP/1.1 200 Connection established\r\n\r\n");
    if (!c->tunnel || !c->tunnel_host)
        failed = -ENOMEM;
    failed = aci_answer_settle(r, c, failed);
    aci_conn_leave(c);
    return failed;
}

/* ---- body ---- */

/* Reads from the socket for a body that needs more: 0: look again; -EAGAIN: wait. */
static int more_body(aci_request *r, aci_conn *c) {
    if (c->eof)
        return -ECONNRESET;
    if (c->expects) {
        c->expects = false;
        if (aci_fifo_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n") < 0)
            return -ENOMEM;
        aci_conn_flush(c);
    }
    int got = c->dead ? -ECONNRESET : aci_conn_fill(c);
    if (got >= 0)
        return 0;
    if (got != -EAGAIN && got != -EINTR)
        return got;
    c->reading = true;
    c->moved = aci_now_ns();
    r->wait->done = false;
    return -EAGAIN;
}

int aci_request_read(aci_request *r, aci_span *piece) {
    aci_conn *c = r->conn;
    int got;
    if (!c)
        return aci_request_lost(r);
    aci_conn_enter(c);
    while ((got = aci_conn_body(c, piece)) == -EAGAIN)
        if ((got = more_body(r, c)) < 0)
            break;
    if (got >= 0)
        c->expects = false;
    else if (got == -EBADMSG)
        aci_conn_refuse(c, 400, "the chunks of the body are malformed");
    else if (got != -EAGAIN)
        aci_conn_kill(c, -got);
    if (got < 0 && got != -EAGAIN)
        aci_conn_step(c);
    aci_conn_leave(c);
    return got;
}

/* ---- the request itself ---- */

int aci_request_lost(const aci_request *r) {
    return r->error ? -r->error : -EALREADY;
}

const aci_head *aci_request_head(const aci_request *r) {
    return &r->head;
}

const char *aci_request_peer(const aci_request *r) {
    return r->peer;
}

const char *aci_request_tunnel(const aci_request *r) {
    return r->tunnel;
}

bool aci_request_secure(const aci_request *r) {
    return r->secure;
}

bool aci_request_over(const aci_request *r) {
    return r->conn == NULL;
}

void aci_request_wake(aci_request *r) {
    if (r && r->wait)
        aci_wait_done(r->wait);
}

void aci_request_free(aci_request *r) {
    if (!r)
        return;
    aci_conn *c = r->conn;
    r->wait = NULL;
    if (c) {
        aci_conn_enter(c);
        c->request = NULL;
        r->conn = NULL;
        aci_conn_kill(c, ECANCELED);
        aci_conn_leave(c);
    }
    free(r->bytes);
    free(r->tunnel);
    free(r);
}
