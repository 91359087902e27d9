/* One HTTP exchange. It owns copies of all it was given; nothing is waited for here, `wait` is
 * done when there is something to read or when it has ended. */
#ifndef ACI_TRANSFER_H
#define ACI_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "headers.h"
#include "loop.h"
#include "spool.h"

typedef struct aci_transfer aci_transfer;

/* Copied by aci_transfer_new. Times in seconds, 0: no limit. NULL: not given. */
typedef struct aci_transfer_options {
    const char *url, *method;
    const char *body; /* bytes, or NULL */
    size_t body_size;
    const char *body_file; /* path of a regular file that is sent as it is */
    bool body_pieces;      /* the body is given in pieces, see aci_transfer_give */
    int64_t body_length;   /* of all pieces; -1: not known, they are sent in chunks */
    const char *sink_file; /* where a 2xx answer's body goes */
    bool sink_stream;      /* a 2xx answer's body is read in pieces */
    uint64_t max_body;     /* bytes; 0: 64 MiB in memory, no limit for a sink */
    const char *ca_file;   /* PEM; only these are trusted then */
    const char *client_certificate, *client_key; /* PEM, or both in a .p12 or .pfx */
    const char *client_password;                 /* of the key */
    const char *proxy;                           /* instead of the environment's; "" for none */
    const char *connect_to;                      /* host:port where every connection goes */
    double timeout, connect_timeout, stall_timeout;
    bool replay; /* may be sent again on a fresh connection when a kept one turns out dead */
} aci_transfer_options;

/* NULL with *failed (errno) when memory is short or the body's file cannot be opened. */
aci_transfer *aci_transfer_new(const aci_transfer_options *options, aci_wait *wait, int *failed);

/* Before the start. The value's bytes must hold no line break. 0 or -ENOMEM. */
int aci_transfer_header(aci_transfer *transfer, const char *name, const char *value);

/* Begins at once: it may have ended when this returns, and `wait` is done in the next turn then. A
 * failure to begin is a fault like any other. */
void aci_transfer_start(aci_transfer *transfer);

/* Takes it off the network in whatever state it is; its fault is then "canceled". */
void aci_transfer_cancel(aci_transfer *transfer);

/* A body in pieces: is the next one waited for? `wait` is done when it is. */
bool aci_transfer_hungry(const aci_transfer *transfer);

/* Gives it, a copy is sent; no bytes are the end. As aci_upload_give; what comes after the end of
 * the transfer is dropped. */
int aci_transfer_give(aci_transfer *transfer, const char *bytes, size_t length);

/* Cancels, frees; forgets `wait`. */
void aci_transfer_free(aci_transfer *transfer);

/* At most so many connections to one host; further transfers wait for one of them. 0 is no limit.
 */
void aci_transfer_connections(long per_host);

bool aci_transfer_ended(const aci_transfer *transfer);
const aci_fault *aci_transfer_fault(const aci_transfer *transfer); /* NULL when there is none */
int aci_transfer_status(const aci_transfer *transfer);             /* 0 before the head */
const aci_headers *aci_transfer_headers(const aci_transfer *transfer);
double aci_transfer_seconds(const aci_transfer *transfer); /* from the start to the end */
bool aci_transfer_began(const aci_transfer *transfer); /* a connection stood, bytes may have gone */

/* The body so far; for a stream what has not been read yet. */
const char *aci_transfer_body(const aci_transfer *transfer, size_t *length);
aci_spool_kind aci_transfer_body_kind(const aci_transfer *transfer);

/* A stream's bytes have been taken: more may come. */
void aci_transfer_read_on(aci_transfer *transfer);

const char *aci_transfer_method(const aci_transfer *transfer);
const char *aci_transfer_url(const aci_transfer *transfer);

/* Closes the connections that are kept; for the end of the process. */
void aci_transfer_close_all(void);

#endif
