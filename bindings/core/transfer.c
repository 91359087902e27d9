#include "multi.h"
#include "transfer_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the end ---- */

static void finish(aci_transfer *self) {
    if (self->done)
        return;
    self->done = true;
    self->running = false;
    self->ended = aci_now_ns();
    aci_timer_cancel(&self->stall);
    if (!self->fault.kind) {
        int failed = aci_spool_commit(&self->spool);
        if (failed)
            aci_fault_set(&self->fault, "failed", "file", "cannot write %s: %s", self->spool.path,
                          strerror(-failed));
    }
    if (self->fault.kind)
        aci_spool_drop(&self->spool);
    aci_multi_give_back(self->easy, !self->fault.kind, self->dress);
    self->easy = NULL;
    aci_wait_done(self->wait);
}

static void explain(aci_transfer *self, CURLcode code) {
    char peer[300];
    aci_fault_facts facts = {.host = self->host, .text = self->text};
    facts.peer = aci_transfer_peer(self, peer, sizeof peer);
    curl_easy_getinfo(self->easy, CURLINFO_SSL_VERIFYRESULT, &facts.verify);
    curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &facts.system);
    curl_easy_getinfo(self->easy, CURLINFO_HTTP_CONNECTCODE, &facts.proxy_status);
    if (self->socket_error)
        facts.system = self->socket_error;
    facts.started = self->starts > 0;
    facts.in_headers = self->status > 0 && !self->answer.complete;
    aci_fault_from_curl(&self->fault, code, &facts);
}

static void on_ended(void *owner, CURLcode code) {
    aci_transfer *self = owner;
    aci_transfer_read_status(self);
    if (code == CURLE_OK && !self->status)
        code = CURLE_WEIRD_SERVER_REPLY;
    if (code != CURLE_OK && !self->fault.kind)
        explain(self, code);
    /* An empty body has called nobody: what is no success goes to memory, not to the sink. */
    if (self->status / 100 != 2)
        aci_spool_to_memory(&self->spool, MEMORY_MAX);
    finish(self);
}

static void stop(aci_transfer *self) {
    if (self->running)
        aci_multi_remove(self->easy);
    finish(self);
}

static void on_stall(aci_timer *timer) {
    aci_transfer *self = (aci_transfer *)((char *)timer - offsetof(aci_transfer, stall));
    uint64_t now = aci_now_ns();
    bool ours = self->paused || self->upload.hungry; /* it is not the other side that is slow */
    if (ours)
        aci_transfer_moved(self);
    if (now - self->active < self->stall_ns || ours) {
        aci_timer_set(&self->stall, self->active + self->stall_ns);
        return;
    }
    aci_fault_set(&self->fault, "timeout", "stalled", "nothing came from %s for %g s", self->host,
                  (double)self->stall_ns / 1e9);
    stop(self);
}

/* ---- making one ---- */

aci_transfer *aci_transfer_new(const aci_transfer_options *options, aci_wait *wait, int *failed) {
    aci_transfer *self = malloc(sizeof *self); /* calloc leaves out the C library's quick cache */
    *failed = self ? 0 : ENOMEM;
    if (!self)
        return NULL;
    *self = (aci_transfer){.wait = wait, .stall.on_due = on_stall};
    *failed = aci_transfer_prepare(self, options);
    if (*failed) {
        aci_transfer_free(self);
        return NULL;
    }
    aci_transfer_set_callbacks(self);
    return self;
}

/* libcurl's list says "Name;" for a header without a value; "Expect:" takes libcurl's own out. */
int aci_transfer_header(aci_transfer *self, const char *name, const char *value) {
    struct curl_slist *list;
    char *line;
    bool remove = strcmp(name, "Expect") == 0;
    int length = *value ? asprintf(&line, "%s: %s", name, value)
                        : asprintf(&line, remove ? "%s:" : "%s;", name);
    if (length < 0)
        return -ENOMEM;
    list = curl_slist_append(self->headers, line);
    explicit_bzero(line, (size_t)length);
    free(line);
    if (!list)
        return -ENOMEM;
    self->headers = list;
    return 0;
}

/* ---- its life ---- */

static void on_told(aci_timer *timer) {
    aci_transfer *self = (aci_transfer *)((char *)timer - offsetof(aci_transfer, stall));
    aci_wait_done(self->wait);
}

/* What has ended in its beginning is told in the next turn all the same: a loop of such transfers
 * would leave no turn to others. */
static void tell_later(aci_transfer *self) {
    self->stall.on_due = on_told;
    if (aci_timer_set(&self->stall, 0) < 0)
        return;
    self->wait->done = false;
    aci_wait_forget(self->wait);
}

void aci_transfer_start(aci_transfer *self) {
    self->began = self->active = aci_now_ns();
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers);
    if (aci_multi_add(self->easy, self, on_ended) < 0) {
        aci_fault_set(&self->fault, "failed", "memory", "not enough memory");
        finish(self);
        return;
    }
    self->running = true;
    if (self->stall_ns)
        aci_timer_set(&self->stall, self->active + self->stall_ns);
    aci_multi_begin();
    if (self->done)
        tell_later(self);
}

void aci_transfer_cancel(aci_transfer *self) {
    if (self->done)
        return;
    aci_fault_set(&self->fault, "canceled", NULL, "the transfer was closed before its end");
    stop(self);
}

static void free_list(struct curl_slist *list) {
    for (struct curl_slist *at = list; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

void aci_transfer_free(aci_transfer *self) {
    if (!self)
        return;
    aci_transfer_cancel(self);
    aci_timer_cancel(&self->stall);
    aci_wait_forget(self->wait);
    aci_spool_drop(&self->spool);
    aci_headers_drop(&self->answer);
    free_list(self->headers);
    curl_slist_free_all(self->connect_to);
    aci_upload_drop(&self->upload);
    if (self->url)
        explicit_bzero(self->url, strlen(self->url));
    free(self->method);
    free(self->url);
    free(self->host);
    free(self->address);
    free(self);
}

void aci_transfer_connections(long per_host) {
    aci_multi_connections(per_host);
}

/* ---- what is known ---- */

bool aci_transfer_ended(const aci_transfer *self) {
    return self->done;
}

const aci_fault *aci_transfer_fault(const aci_transfer *self) {
    return self->fault.kind ? &self->fault : NULL;
}

int aci_transfer_status(const aci_transfer *self) {
    return self->status;
}

const aci_headers *aci_transfer_headers(const aci_transfer *self) {
    return &self->answer;
}

double aci_transfer_seconds(const aci_transfer *self) {
    return self->done ? (double)(self->ended - self->began) / 1e9 : 0;
}

bool aci_transfer_began(const aci_transfer *self) {
    return self->starts > 0;
}

const char *aci_transfer_body(const aci_transfer *self, size_t *length) {
    *length = self->spool.length;
    return self->spool.length ? self->spool.bytes : "";
}

aci_spool_kind aci_transfer_body_kind(const aci_transfer *self) {
    return self->spool.kind;
}

/* ---- from both sides in pieces ---- */

/* What was there to do is done: the next wait is for what comes. */
static void settle_wait(aci_transfer *self) {
    if (self->done || self->upload.hungry ||
        (self->spool.kind == ACI_SPOOL_STREAM && self->spool.length))
        return;
    self->wait->done = false;
    aci_wait_forget(self->wait);
}

/* Lets libcurl call on_body and on_upload again, at once perhaps. */
static void go_on(aci_transfer *self) {
    int still = self->upload.hungry ? CURLPAUSE_SEND : CURLPAUSE_CONT;
    if (!self->running)
        return;
    self->paused = false;
    curl_easy_pause(self->easy, still);
    if (self->fault.kind)
        stop(self);
}

void aci_transfer_read_on(aci_transfer *self) {
    bool paused = self->paused;
    aci_spool_empty(&self->spool);
    settle_wait(self);
    if (paused)
        go_on(self);
}

bool aci_transfer_hungry(const aci_transfer *self) {
    return !self->done && self->upload.hungry;
}

int aci_transfer_give(aci_transfer *self, const char *bytes, size_t length) {
    int failed = self->done ? 0 : aci_upload_give(&self->upload, bytes, length);
    if (failed || self->done)
        return failed;
    settle_wait(self);
    go_on(self);
    return 0;
}

const char *aci_transfer_method(const aci_transfer *self) {
    return self->method;
}

const char *aci_transfer_url(const aci_transfer *self) {
    return self->url;
}

void aci_transfer_close_all(void) {
    aci_multi_close();
}
