#include "tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Kept certificates; the oldest goes first, so that no client fills the memory with names. */
enum { KEPT = 128, DAYS = 397 };

typedef struct kept {
    char *name;
    aci_identity identity;
} kept;

struct aci_tls {
    SSL_CTX *context;
    aci_identity ca;
    kept kept[KEPT];
    unsigned next;
};

/* ---- certificates by name ---- */

static kept *find_kept(aci_tls *tls, const char *name) {
    for (unsigned i = 0; i < KEPT && tls->kept[i].name; i++)
        if (strcasecmp(tls->kept[i].name, name) == 0)
            return &tls->kept[i];
    return NULL;
}

static void drop_kept(kept *entry) {
    free(entry->name);
    aci_identity_free(&entry->identity);
    entry->name = NULL;
}

/* `asked` is NULL for a client that names nobody: it called an address of this machine. */
static kept *make_kept(aci_tls *tls, const char *asked) {
    static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
    char error[ACI_X509_ERROR];
    aci_identity identity;
    char *name = strdup(asked ? asked : "");
    if (!name || aci_identity_leaf(&identity, &tls->ca, asked ? &asked : local, asked ? 1 : 3, DAYS,
                                   error) < 0) {
        free(name);
        return NULL;
    }
    kept *entry = &tls->kept[tls->next++ % KEPT];
    drop_kept(entry);
    *entry = (kept){name, identity};
    return entry;
}

/* OpenSSL asks this in each handshake that needs a certificate. 0 ends it with an alert. */
static int choose_certificate(SSL *ssl, void *data) {
    aci_tls *tls = data;
    const aci_stream *stream = SSL_get_app_data(ssl);
    const char *name = aci_stream_sni(stream);
    if (!name)
        name = stream->name;
    kept *entry = find_kept(tls, name ? name : "");
    if (!entry)
        entry = make_kept(tls, name);
    return entry && SSL_use_certificate(ssl, entry->identity.certificate) == 1 &&
           SSL_use_PrivateKey(ssl, entry->identity.key) == 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *data) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)data;
    int found =
        SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof ours - 1, in, in_len);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- context ---- */

static SSL_CTX *make_context(aci_tls *tls) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context)
        return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need no memory here */
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_cert_cb(context, choose_certificate, tls);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

aci_tls *aci_tls_new(const char *certificate, size_t certificate_len, const char *key,
                     size_t key_len, char *error) {
    aci_tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        aci_x509_reason(error, "out of memory");
        return NULL;
    }
    if (aci_identity_parse(&tls->ca, certificate, certificate_len, key, key_len, error) == 0) {
        tls->context = make_context(tls);
        if (tls->context)
            return tls;
        aci_x509_reason(error, "TLS is not available");
    }
    aci_tls_free(tls);
    return NULL;
}

void aci_tls_free(aci_tls *tls) {
    if (!tls)
        return;
    for (unsigned i = 0; i < KEPT; i++)
        drop_kept(&tls->kept[i]);
    aci_identity_free(&tls->ca);
    SSL_CTX_free(tls->context);
    free(tls);
}

/* ---- streams ---- */

/* A BIO that first gives `early` and then what the socket has. */
static BIO *early_bio(int fd, const void *early, size_t len) {
    BIO *buffer = BIO_new(BIO_f_buffer()), *socket = BIO_new_socket(fd, BIO_NOCLOSE);
    if (buffer && socket && BIO_set_buffer_read_data(buffer, (void *)early, (long)len) == 1)
        return BIO_push(buffer, socket);
    BIO_free(buffer);
    BIO_free(socket);
    return NULL;
}

int aci_stream_secure(aci_stream *stream, aci_tls *tls, const void *early, size_t early_len) {
    SSL *ssl = SSL_new(tls->context);
    BIO *in = NULL;
    if (!ssl || !SSL_set_fd(ssl, stream->fd) ||
        (early_len && !(in = early_bio(stream->fd, early, early_len)))) {
        SSL_free(ssl);
        ERR_clear_error();
        return -ENOMEM;
    }
    if (in)
        SSL_set0_rbio(ssl, in);
    SSL_set_app_data(ssl, stream);
    SSL_set_accept_state(ssl);
    stream->ssl = ssl;
    return 0;
}

/* What an SSL call that gave `result` means, in our terms; empties OpenSSL's queue. */
static int explain(aci_stream *stream, int result) {
    int number = errno;
    int why = SSL_get_error(stream->ssl, result);
    ERR_clear_error();
    switch (why) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        stream->wants = why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return number ? -number : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

int aci_stream_handshake(aci_stream *stream) {
    ERR_clear_error();
    int result = SSL_do_handshake(stream->ssl);
    if (result == 1)
        return 0;
    int why = explain(stream, result);
    return why ? why : -ECONNRESET;
}

ssize_t aci_stream_read(aci_stream *stream, void *bytes, size_t room) {
    if (stream->ssl) {
        size_t got = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_read_ex(stream->ssl, bytes, room, &got);
        return result == 1 ? (ssize_t)got : explain(stream, result);
    }
    ssize_t got = recv(stream->fd, bytes, room, 0);
    stream->wants = EPOLLIN;
    return got < 0 ? -errno : got;
}

ssize_t aci_stream_write(aci_stream *stream, const void *bytes, size_t len) {
    if (stream->ssl) {
        size_t put = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_write_ex(stream->ssl, bytes, len, &put);
        if (result == 1)
            return (ssize_t)put;
        int why = explain(stream, result);
        return why ? why : -EPIPE;
    }
    ssize_t put = send(stream->fd, bytes, len, MSG_NOSIGNAL);
    stream->wants = EPOLLOUT;
    return put < 0 ? -errno : put;
}

bool aci_stream_pending(const aci_stream *stream) {
    return stream->ssl &&
           (SSL_pending(stream->ssl) > 0 || BIO_ctrl_pending(SSL_get_rbio(stream->ssl)) > 0);
}

const char *aci_stream_sni(const aci_stream *stream) {
    return stream->ssl ? SSL_get_servername(stream->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

void aci_stream_end(aci_stream *stream) {
    if (stream->ssl && SSL_is_init_finished(stream->ssl))
        SSL_shutdown(stream->ssl);
    ERR_clear_error();
    shutdown(stream->fd, SHUT_WR);
}

void aci_stream_close(aci_stream *stream) {
    if (stream->ssl)
        SSL_free(stream->ssl);
    stream->ssl = NULL;
    if (stream->fd > 0)
        close(stream->fd);
    stream->fd = -1;
}
