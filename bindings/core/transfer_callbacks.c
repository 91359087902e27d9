/* What libcurl calls during a transfer: these fill buffers and set flags. */
#include "sockets.h"
#include "transfer_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Some milliseconds late, which time limits of seconds do not notice, and cheap: it is asked with
 * each line. */
void aci_transfer_moved(aci_transfer *self) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    self->active = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void aci_transfer_read_status(aci_transfer *self) {
    long status = 0;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    self->status = (int)status;
}

static size_t on_header(char *line, size_t one, size_t length, void *owner) {
    aci_transfer *self = owner;
    (void)one;
    aci_transfer_moved(self);
    int failed = aci_headers_line(&self->answer, line, length);
    if (failed == -ENOMEM)
        aci_fault_set(&self->fault, "failed", "memory", "not enough memory");
    else if (failed)
        aci_fault_set(&self->fault, "failed", "too_large", ACI_FAULT_HEADERS_TOO_LARGE);
    return failed ? 0 : length;
}

static void body_failed(aci_transfer *self, int failed) {
    if (failed == -EFBIG)
        aci_fault_set(&self->fault, "failed", "too_large",
                      "the answer is larger than %llu bytes (option max_body)",
                      (unsigned long long)self->spool.max);
    else if (self->spool.kind == ACI_SPOOL_FILE)
        aci_fault_set(&self->fault, "failed", "file", "cannot write %s: %s", self->spool.path,
                      strerror(-failed));
    else
        aci_fault_set(&self->fault, "failed", "memory", "not enough memory");
}

/* Once, before the first byte: a sink is for success, the words of a failure go to memory. */
static int begin_body(aci_transfer *self) {
    curl_off_t length = -1;
    aci_transfer_read_status(self);
    if (self->status / 100 != 2)
        aci_spool_to_memory(&self->spool, MEMORY_MAX);
    curl_easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length > 0 && (uint64_t)length > self->spool.max ? -EFBIG : 0;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *owner) {
    aci_transfer *self = owner;
    int failed = 0;
    (void)one;
    aci_transfer_moved(self);
    if (aci_spool_full(&self->spool, length)) {
        self->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (self->spool.total == 0)
        failed = begin_body(self);
    if (!failed)
        failed = aci_spool_put(&self->spool, bytes, length);
    if (failed) {
        body_failed(self, failed);
        return 0;
    }
    if (self->spool.kind == ACI_SPOOL_STREAM)
        aci_wait_done(self->wait);
    return length;
}

/* libcurl asks again when aci_transfer_give has got something. */
static size_t wait_for_piece(aci_transfer *self) {
    aci_wait_done(self->wait);
    return CURL_READFUNC_PAUSE;
}

static size_t on_upload(char *bytes, size_t one, size_t room, void *owner) {
    aci_transfer *self = owner;
    ssize_t got = aci_upload_take(&self->upload, bytes, room * one);
    aci_transfer_moved(self);
    if (got >= 0)
        return (size_t)got;
    if (got == -EAGAIN)
        return wait_for_piece(self);
    if (self->upload.kind == ACI_UPLOAD_PIECES)
        aci_fault_set(&self->fault, "failed", "body", "the body ended after %lld of %lld bytes",
                      (long long)self->upload.sent, (long long)self->upload.size);
    else
        aci_fault_set(&self->fault, "failed", "file", "the file that is sent %s",
                      got == -ENODATA ? "became shorter meanwhile" : "cannot be read");
    return CURL_READFUNC_ABORT;
}

static int on_rewind(void *owner, curl_off_t offset, int origin) {
    aci_transfer *self = owner;
    bool done = origin == SEEK_SET && aci_upload_rewind(&self->upload, offset);
    return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* Called when a connection is there, before each sending. When a kept connection turns out dead
 * libcurl sends again by itself: what must not be done twice is stopped here. */
static int on_send(void *owner, char *ip, char *local_ip, int port, int local_port) {
    aci_transfer *self = owner;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    aci_transfer_moved(self);
    if (self->starts++ == 0 || self->replay)
        return CURL_PREREQFUNC_OK;
    return CURL_PREREQFUNC_ABORT;
}

static curl_socket_t on_open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *at) {
    aci_transfer *self = owner;
    int fd = aci_sockets_open(at->family, at->socktype, at->protocol);
    (void)purpose;
    self->socket_error = fd < 0 ? errno : 0;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close_socket(void *owner, curl_socket_t fd) {
    (void)owner;
    return aci_sockets_close(fd);
}

/* ---- set ---- */

static void set_callbacks(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
}

static void set_owner(aci_transfer *self) {
    CURL *easy = self->easy;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->text);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(easy, CURLOPT_READDATA, self);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, self);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, self);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self);
}

void aci_transfer_set_callbacks(aci_transfer *self) {
    if (!self->dressed)
        set_callbacks(self->easy);
    set_owner(self);
}
