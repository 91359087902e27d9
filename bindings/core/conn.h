/* Inside the server: what its files share (server.c: listener and queue, conn.c: the
 * states of a connection, connio.c: its bytes, request.c and
 * answer.c: what is done with a request). */
#ifndef ACI_CONN_H
#define ACI_CONN_H

#include "chunked.h"
#include "server.h"

enum {
    IN_SMALL = 4 * 1024,    /* a head usually fits */
    PIECE = 64 * 1024,      /* the most that is read or written at once */
    OUT_HIGH = 256 * 1024,  /* a writer waits above this many unsent bytes */
    OUT_LOW = 64 * 1024,    /* and goes on below this many */
    SKIP_MAX = 256 * 1024,  /* of an unread body, to keep the connection */
    OUT_TURN = 1024 * 1024, /* one connection's share of a turn */
};

typedef enum conn_state {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* between requests, or in the middle of a head */
    CONN_REQUEST,   /* somebody has the request */
    CONN_ANSWERED,  /* the rest of the answer goes out, the rest of the body is skipped */
    CONN_LINGER     /* closed for writing; reads on so that the answer is not lost to a reset */
} conn_state;

typedef enum conn_body {
    BODY_DONE,
    BODY_LENGTH,
    BODY_CHUNKED,
    BODY_RAW /* another protocol: all that comes until the client ends */
} conn_body;

/* Bytes from `from` up to `to` in memory that holds `room`. */
typedef struct aci_fifo {
    char *bytes;
    size_t from, to, room;
} aci_fifo;

typedef struct aci_conn {
    aci_source source; /* first: callbacks get its address */
    aci_timer timer;
    aci_stream stream;
    aci_server *server;
    struct aci_conn *next, *before;
    aci_request *request;
    conn_state state;
    unsigned busy; /* calls in progress; it is freed when the last one leaves */
    bool dead;
    bool eof;     /* the client has sent its last byte */
    bool last;    /* close after this answer */
    bool expects; /* 100 Continue is still to be sent */
    bool reading; /* the request waits for body */
    bool writing; /* the request waits for room */
    bool upgrade; /* TLS begins after this answer */
    aci_fifo in, out;
    size_t scanned; /* of the head in `in` */
    conn_body body;
    int64_t body_left;
    aci_chunked chunks;
    uint64_t skipped;
    int file; /* -1: none */
    int64_t file_at, file_left;
    uint64_t since;    /* when the state, or the head, began */
    uint64_t moved;    /* when the last byte came or went */
    char *tunnel;      /* CONNECT's target */
    char *tunnel_host; /* its host: the certificate's name for a client that sends none */
    char peer[64];
} aci_conn;

struct aci_request {
    aci_conn *conn; /* NULL: over */
    aci_wait *wait; /* NULL: nobody took it yet */
    aci_request *next;
    aci_head head;
    char *bytes; /* the head */
    char *tunnel;
    char peer[64];
    bool secure;
    bool started;
    bool bodyless; /* the answer has no body: HEAD, 204, 304 */
    bool chunked;
    int64_t left; /* of the declared length; -1: none declared */
    int error;    /* why it was lost */
};

struct aci_server {
    aci_source source;
    aci_timer retry; /* accept again, after descriptors ran out */
    aci_wait *wait;
    aci_conn *conns;
    unsigned count;
    aci_request *first, *last; /* not taken yet */
    aci_server_options options;
    int port;
    bool closed;
    bool full; /* not accepting */
};

/* ---- conn.c ---- */

aci_conn *aci_conn_new(aci_server *server, int fd, const char *peer);
void aci_conn_enter(aci_conn *conn);
void aci_conn_leave(aci_conn *conn); /* may free it */
void aci_conn_kill(aci_conn *conn, int error);
void aci_conn_step(aci_conn *conn); /* goes as far as it can with what is there */
/* Answers with an error and closes, or only closes where an answer has begun. */
void aci_conn_refuse(aci_conn *conn, int status, const char *reason);

/* The request is answered: the connection goes on alone. */
void aci_conn_answered(aci_conn *conn);

/* ---- connio.c ---- */

bool aci_conn_wants(const aci_conn *conn);  /* is there room for more, and a use? */
int aci_conn_fill(aci_conn *conn);          /* reads once; bytes, 0 or -errno */
void aci_conn_fill_all(aci_conn *conn);     /* reads what came; may kill it */
bool aci_conn_fill_pending(aci_conn *conn); /* the same for what TLS holds; true: it got some */
void aci_conn_flush(aci_conn *conn);        /* writes what it can; may kill it */
int aci_conn_body(aci_conn *conn, aci_span *piece); /* 1, 0, -EAGAIN (needs bytes), -EBADMSG */
size_t aci_conn_unsent(const aci_conn *conn);
void aci_conn_close_file(aci_conn *conn);

/* Room for `len` more bytes at the end, or NULL. */
char *aci_fifo_room(aci_fifo *fifo, size_t len);
int aci_fifo_add(aci_fifo *fifo, const void *bytes, size_t len); /* 0 or -ENOMEM */
int aci_fifo_text(aci_fifo *fifo, const char *text);
size_t aci_fifo_held(const aci_fifo *fifo);
const char *aci_fifo_at(const aci_fifo *fifo); /* its first byte; never NULL */
void aci_fifo_free(aci_fifo *fifo);

/* ---- server.c ---- */

void aci_server_offer(aci_server *server, aci_request *request);
void aci_server_withdraw(aci_server *server, aci_request *request); /* if it is not taken */
void aci_server_left(aci_server *server);                           /* one connection fewer */

/* ---- answer.c ---- */

const char *aci_status_reason(int status);
int aci_answer_text(aci_fifo *out, int status, const char *text);

/* Ends a call that began an answer: what `failed` half-way can't be taken back. */
int aci_answer_settle(aci_request *request, aci_conn *conn, int failed);

/* ---- request.c ---- */

void aci_request_wake(aci_request *request);
int aci_request_lost(const aci_request *request); /* why it has no connection any more */

#endif
