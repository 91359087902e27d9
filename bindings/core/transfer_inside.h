/* The inside of a transfer, shared by transfer.c (its life), transfer_setup.c (its options) and
 * transfer_callbacks.c. */
#ifndef ACI_TRANSFER_INSIDE_H
#define ACI_TRANSFER_INSIDE_H

#include "multi.h"
#include "transfer.h"
#include "upload.h"

/* Most bytes of a body that is kept in memory, where nothing else is said. */
#define MEMORY_MAX ((uint64_t)64 * 1024 * 1024)

struct aci_transfer {
    aci_wait *wait;
    CURL *easy; /* NULL when it has ended */
    struct curl_slist *headers, *connect_to;
    char *method, *url;
    char *host;    /* of the URL, for messages */
    char *address; /* where it goes instead, or NULL */
    aci_upload upload;
    aci_headers answer;
    aci_spool spool;
    aci_fault fault;
    aci_timer stall;
    uint64_t stall_ns, active, began, ended;
    int status, socket_error, starts;
    bool running, done, paused, replay;
    aci_dress dress; /* not ACI_DRESS_OWN: only address, times and headers are its own */
    bool dressed;    /* the handle came in it */
    char text[CURL_ERROR_SIZE];
};

/* Copies the options and sets up the handle, its callbacks apart. 0 or errno. */
int aci_transfer_prepare(aci_transfer *transfer, const aci_transfer_options *options);

/* Tells its handle what to call. */
void aci_transfer_set_callbacks(aci_transfer *transfer);

void aci_transfer_moved(aci_transfer *transfer); /* something came or went: it does not stall */
void aci_transfer_read_status(aci_transfer *transfer);

/* Host and port where it goes, for messages: in `room` where that has to be written. */
const char *aci_transfer_peer(const aci_transfer *transfer, char *room, size_t size);

#endif
