/* The server's side of TLS on a non-blocking socket, and a stream that is a socket with or
 * without it. Certificates are made for each name that a client asks for (SNI), signed by the
 * given authority, and kept. TLS 1.2 and later; ALPN speaks http/1.1 only. */
#ifndef ACI_TLS_H
#define ACI_TLS_H

#include "x509.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct aci_tls aci_tls;

/* Makes a context from an authority in PEM. NULL: `error` (ACI_X509_ERROR bytes) says why. */
aci_tls *aci_tls_new(const char *certificate, size_t certificate_len, const char *key,
                     size_t key_len, char *error);
void aci_tls_free(aci_tls *tls); /* NULL is fine; no stream may use it any more */

/* A connected non-blocking socket. Zeroed but for fd: a plain one. */
typedef struct aci_stream {
    int fd;
    SSL *ssl;
    const char *name; /* the certificate's name where the client names none; may be NULL */
    unsigned wants;   /* after -EAGAIN: EPOLLIN or EPOLLOUT, what it waits for */
} aci_stream;

/* Begin TLS on a plain stream; `early` are bytes that were read before. 0, or -ENOMEM. The stream
 * may not move in memory from now on. */
int aci_stream_secure(aci_stream *stream, aci_tls *tls, const void *early, size_t early_len);

/* 0: the handshake is done; -EAGAIN: call again when `wants` is there; else it failed. */
int aci_stream_handshake(aci_stream *stream);

/* How many bytes, 0 at the end of the client's bytes, or -EAGAIN, or another -errno. */
ssize_t aci_stream_read(aci_stream *stream, void *bytes, size_t room);
ssize_t aci_stream_write(aci_stream *stream, const void *bytes, size_t len);

bool aci_stream_pending(const aci_stream *stream); /* bytes that were received but not yet read? */

/* The name the client asked for, or NULL. */
const char *aci_stream_sni(const aci_stream *stream);

void aci_stream_end(aci_stream *stream);   /* tells the client that nothing more comes */
void aci_stream_close(aci_stream *stream); /* idempotent */

#endif
