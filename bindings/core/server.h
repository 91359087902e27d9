/* An HTTP/1.1 server on the loop: a listener, its connections, and the requests they carry.
 * Memory per connection is bounded whatever the sizes of bodies: both directions wait for the
 * slower side. Nothing here waits or calls Lua; functions return 0 or -errno unless said.
 *
 * A request is owned by whoever took it and by its connection while that lives; after the
 * connection is gone all its functions answer with the reason (-ECONNRESET, -ETIMEDOUT,
 * -EBADMSG, ...). */
#ifndef ACI_SERVER_H
#define ACI_SERVER_H

#include "httphead.h"
#include "loop.h"
#include "tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct aci_server aci_server;
typedef struct aci_request aci_request;

typedef struct aci_server_options {
    const char *host; /* an IP address or "localhost" */
    int port;         /* 0: any free one */
    bool is_public;   /* allow addresses other than loopback */
    bool proxy;       /* accept CONNECT; `tls` is then for the tunnels, the port itself is plain */
    aci_tls *tls;     /* NULL: plain; owned by the server once it is open */
    double head_timeout;  /* seconds for a whole head, and for a handshake */
    double idle_timeout;  /* seconds between requests */
    double stall_timeout; /* seconds without a byte in either direction of a body */
    unsigned connections; /* at most so many at once */
} aci_server_options;

/* Begins to listen. `wait` is marked done when a request can be taken and when the server ends.
 * -EINVAL: host is no address; -EPERM: it is not a loopback one; -EADDRINUSE, ... */
int aci_server_open(aci_server **out, const aci_server_options *options, aci_wait *wait);

int aci_server_port(const aci_server *server);
bool aci_server_closed(const aci_server *server);
size_t
aci_server_busy(const aci_server *server); /* connections that still have an answer to send */

/* The oldest request that nobody took; NULL when there is none (then `wait` is not done, unless
 * the server is closed). `wait` is the request's from now on. */
aci_request *aci_server_take(aci_server *server, aci_wait *wait);

/* Stops listening; requests that were not taken are dropped, taken ones may still be answered. */
void aci_server_close(aci_server *server);
void aci_server_free(aci_server *server); /* ends all connections; NULL is fine */

/* ---- what was asked; valid as long as the request is ---- */

const aci_head *aci_request_head(const aci_request *request);
const char *aci_request_peer(const aci_request *request);   /* "127.0.0.1:50123" */
const char *aci_request_tunnel(const aci_request *request); /* CONNECT's target, or NULL */
bool aci_request_secure(const aci_request *request);        /* did it come over TLS? */

/* ---- its body ---- */

/* The next piece of the body, valid until the next call: 1; 0 at its end; -EAGAIN: `wait` is
 * done when there is more; else the error. */
int aci_request_read(aci_request *request, aci_span *piece);

/* ---- the answer: one of respond, file, start/write/finish, tls ----
 * `fields` are lines `name: value CRLF` whose names and values are valid. Content-Length, Date
 * and Connection are added. -EALREADY: there is an answer already; -EINVAL: the fields name
 * Transfer-Encoding, or a Content-Length that the body does not have, or the status has no body. */

int aci_request_respond(aci_request *request, int status, aci_span fields, aci_span body);

/* Sends `length` bytes (-1: all) of a file from `offset`; reading it goes on after the call. */
int aci_request_file(aci_request *request, int status, aci_span fields, const char *path,
                     int64_t offset, int64_t length);

int aci_request_start(aci_request *request, int status, aci_span fields);

/* Takes all of `bytes`, or none: -EAGAIN, and `wait` is done when there is room again. */
int aci_request_write(aci_request *request, aci_span bytes);
int aci_request_finish(aci_request *request);

/* Answers with 101 and goes on in another protocol: from now on read gives all that comes until
 * the client ends, as it comes and however long it takes, and write sends bytes as they are.
 * -EPROTO: the request has a body, or is of HTTP/1.0; -EINVAL: the fields name Content-Length. */
int aci_request_upgrade(aci_request *request, aci_span fields);

/* Answers CONNECT with 200 and goes on with TLS on the same connection. -ENOTSUP: it is no
 * CONNECT, or the server has no authority. */
int aci_request_tls(aci_request *request);

/* Has it been answered in full, or lost? */
bool aci_request_over(const aci_request *request);

/* Gives it back. One that was not answered in full ends its connection. NULL is fine. */
void aci_request_free(aci_request *request);

#endif
