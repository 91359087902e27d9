/* Fuzzes the server's whole way with a client: a connection of aci.server on one end of a socket
 * pair, the bytes in pieces on the other, and takers who answer in every way there is.
 * sources: bindings/core/server.c bindings/core/conn.c bindings/core/connio.c
 * sources: bindings/core/request.c bindings/core/answer.c bindings/core/chunked.c
 * sources: bindings/core/httphead.c bindings/core/loop.c bindings/core/interrupt.c
 * sources: bindings/core/tls.c bindings/core/x509.c -lssl -lcrypto
 *
 * The first two bytes choose whether it is a proxy, how requests are answered and the pieces' size.
 * Beyond "no crash": how the bytes are cut changes neither the requests nor their bodies, and an
 * answer is one of HTTP. */
#include "../../bindings/core/conn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES = 48, FILE_SIZE = 100000 };

static void require(int ok) {
    if (!ok)
        abort();
}

/* One client, and what its requests were. */
typedef struct run {
    aci_server *server;
    aci_request *request;
    aci_wait arrived, wait;
    int client;
    unsigned ways; /* how the next requests are answered, two bits each */
    bool answered; /* the client got something */
    bool early;    /* a client that waits for 100 Continue was answered without it */
    uint64_t sum;  /* of the requests and their bodies */
    size_t body;
} run;

static void note(run *r, const void *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        r->sum = (r->sum ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
}

/* One for all runs: it costs more than a run. */
static aci_tls *shared_tls(void) {
    static aci_tls *tls;
    aci_identity identity = {0};
    aci_pem pem = {0};
    char error[ACI_X509_ERROR];
    if (!tls) {
        require(aci_identity_ca(&identity, "fuzz", 2, error) == 0);
        require(aci_identity_print(&identity, &pem, error) == 0);
        tls = aci_tls_new(pem.certificate, pem.certificate_len, pem.key, pem.key_len, error);
        require(tls != NULL);
        aci_identity_free(&identity);
        aci_pem_free(&pem);
        signal(SIGPIPE, SIG_IGN); /* as the program does */
    }
    return tls;
}

static const char *answer_file(void) {
    static char path[32];
    if (!path[0]) {
        int fd = memfd_create("answer", 0);
        require(ftruncate(fd, FILE_SIZE) == 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    return path;
}

static void open_run(run *r, unsigned flags) {
    int ends[2];
    *r = (run){.ways = flags >> 2, .sum = 14695981039346656037u};
    r->server = calloc(1, sizeof *r->server);
    r->server->wait = &r->arrived;
    r->server->source.fd = -1;
    r->server->options = (aci_server_options){.proxy = flags & 1,
                                              .head_timeout = 60,
                                              .idle_timeout = 60,
                                              .stall_timeout = 60,
                                              .connections = 1};
    if (flags & 1 && flags & 2)
        r->server->options.tls = shared_tls();
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    r->client = ends[0];
    r->server->conns = aci_conn_new(r->server, ends[1], "fuzz");
    require(r->server->conns != NULL);
    r->server->count = 1;
    aci_conn_enter(r->server->conns);
    aci_conn_leave(r->server->conns);
}

/* Reads the body to its end: 1; it waits: 0; it is lost: -1. */
static int read_body(run *r) {
    aci_span piece;
    int got;
    while ((got = aci_request_read(r->request, &piece)) > 0) {
        note(r, piece.at, piece.len);
        r->body += piece.len;
    }
    if (got < 0 && got != -EAGAIN)
        note(r, &got, sizeof got);
    return got == 0 ? 1 : got == -EAGAIN ? 0 : -1;
}

/* Some requests go on in another protocol: all that comes then is their body. */
static void upgrade(run *r) {
    static const aci_span fields = {"upgrade: b\r\n", 12};
    if (r->ways & 4)
        aci_request_upgrade(r->request, fields); /* refused where it has a body, or was upgraded */
}

static void echo(run *r) {
    static const aci_span fields = {"a: b\r\n", 6};
    if (aci_request_start(r->request, 200, fields) == 0 || r->ways & 4) {
        aci_request_write(r->request, (aci_span){"hello", 5});
        aci_request_finish(r->request);
    }
}

/* True: it is done with. */
static bool answer(run *r) {
    static const aci_span none = {NULL, 0};
    int got;
    if (r->server->options.tls && aci_request_tls(r->request) == 0)
        return true;
    r->early |= (r->ways & 3) < 2 && aci_request_head(r->request)->expects;
    switch (r->ways & 3) {
    case 0:
        aci_request_respond(r->request, 200, none, (aci_span){"body", 4});
        return true;
    case 1:
        aci_request_file(r->request, 206, none, answer_file(), 10, FILE_SIZE - 20);
        return true;
    case 2:
        upgrade(r);
        if ((got = read_body(r)) > 0)
            echo(r);
        return got != 0;
    default:
        if ((got = read_body(r)) > 0)
            aci_request_respond(r->request, 404, none, none);
        return got != 0;
    }
}

static void begin(run *r) {
    const aci_head *head = aci_request_head(r->request);
    note(r, head->method.at, head->method.len);
    note(r, head->target.at, head->target.len);
    note(r, head->fields.at, head->fields.len);
    require(aci_request_peer(r->request) != NULL);
    require(!aci_request_tunnel(r->request) || r->server->options.tls);
}

static void serve(run *r) {
    while (r->request || (r->request = aci_server_take(r->server, &r->wait)) != NULL) {
        if (r->request->next == NULL && !r->wait.waiter) {
            begin(r);
            r->wait.waiter = r;
        }
        if (!answer(r))
            return;
        r->ways = r->ways >> 2 | (r->ways & 3) << 12;
        aci_request_free(r->request);
        aci_wait_forget(&r->wait);
        r->wait = (aci_wait){0};
        r->request = NULL;
    }
}

static void drain(run *r) {
    char bytes[65536];
    ssize_t got;
    while ((got = read(r->client, bytes, sizeof bytes)) > 0) {
        require(r->answered || got < 9 || memcmp(bytes, "HTTP/1.1 ", 9) == 0);
        r->answered = true;
    }
}

static void turns(run *r, int count) {
    while (count-- > 0) {
        require(aci_loop_turn(0) == 0);
        while (aci_loop_next())
            ;
        serve(r);
        drain(r);
    }
}

/* With a cut of all bytes, the server knows that no more comes before it answers. True: `sum` does
 * not depend on the cut. It may where the body of a client that waits for 100 Continue was there
 * already at the early answer, or was not: only then is the connection kept. */
static bool play(const char *bytes, size_t len, unsigned flags, size_t cut, uint64_t *sum) {
    run r;
    open_run(&r, flags);
    for (size_t at = 0; at < len; at += cut) {
        if (send(r.client, bytes + at, len - at < cut ? len - at : cut, MSG_NOSIGNAL) < 0)
            break;
        if (cut < len)
            turns(&r, 2);
    }
    shutdown(r.client, SHUT_WR);
    for (int i = 0; i < 4; i++)
        require(aci_loop_turn(0) == 0);
    turns(&r, 2 * PIECES);
    require(r.body <= len);
    aci_request_free(r.request);
    aci_wait_forget(&r.wait);
    r.server->options.tls = NULL; /* it stays */
    aci_server_free(r.server);
    aci_wait_forget(&r.arrived);
    close(r.client);
    *sum = r.sum;
    return !r.early;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    unsigned flags = data[0] | (unsigned)(data[1] & 0x3f) << 8;
    const char *bytes = (const char *)data + 2;
    size_t len = size - 2, least = len / PIECES + 1, cut = (data[1] >> 6) * 16 + 1u;
    uint64_t whole, pieces;
    bool comparable = play(bytes, len, flags, len + 1, &whole);
    comparable &= play(bytes, len, flags, cut < least ? least : cut, &pieces);
    require(!comparable || whole == pieces);
    return 0;
}
