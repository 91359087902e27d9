/* Answers: their heads, whole ones, and those that are written piece by piece. */
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *aci_status_reason(int status) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* ---- head of an answer ---- */

/* What of the caller's fields matters here. */
typedef struct answer {
    int64_t length; /* Content-Length, or -1 */
    bool has_date;
    bool close;
} answer;

static int read_fields(answer *a, aci_span fields) {
    aci_span name, value;
    int got;
    *a = (answer){.length = -1};
    while ((got = aci_head_next(&fields, &name, &value)) > 0) {
        if (aci_span_is(name, "transfer-encoding"))
            return -EINVAL;
        if (aci_span_is(name, "content-length") && !aci_head_number(value, &a->length))
            return -EINVAL;
        a->has_date |= aci_span_is(name, "date");
        a->close |= aci_span_is(name, "connection") && aci_head_has(value, "close");
    }
    return got;
}

/* The caller's lines but for the two that are ours to write. */
static int add_fields(aci_fifo *out, aci_span fields) {
    aci_span name, value;
    const char *from = fields.at;
    int failed = 0;
    while (!failed && aci_head_next(&fields, &name, &value) > 0) {
        if (!aci_span_is(name, "content-length") && !aci_span_is(name, "connection"))
            failed = aci_fifo_add(out, from, (size_t)(fields.at - from));
        from = fields.at;
    }
    return failed;
}

/* The clock is formatted once a second. */
static const char *date_line(void) {
    static char line[48];
    static time_t written;
    time_t now = time(NULL);
    struct tm t;
    if (now != written && gmtime_r(&now, &t)) {
        strftime(line, sizeof line, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &t);
        written = now;
    }
    return line;
}

static int add_line(aci_fifo *out, int status) {
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status, aci_status_reason(status));
    return aci_fifo_text(out, line);
}

static int add_length(aci_fifo *out, int64_t length) {
    char line[48];
    snprintf(line, sizeof line, "content-length: %lld\r\n", (long long)length);
    return aci_fifo_text(out, line);
}

int aci_answer_text(aci_fifo *out, int status, const char *text) {
    if (add_line(out, status) < 0 || aci_fifo_text(out, date_line()) < 0 ||
        add_length(out, (int64_t)strlen(text) + 1) < 0 ||
        aci_fifo_text(out, "content-type: text/plain\r\nconnection: close\r\n\r\n") < 0 ||
        aci_fifo_text(out, text) < 0)
        return -ENOMEM;
    return aci_fifo_text(out, "\n");
}

/* Can the connection be used again, as far as the unread body is concerned? */
static bool body_is_small(const aci_conn *c) {
    if (c->body == BODY_DONE)
        return true;
    if (c->expects && !aci_fifo_held(&c->in)) /* will it come, now that we answer? Nobody knows. */
        return false;
    return c->body == BODY_CHUNKED || c->body_left <= SKIP_MAX;
}

/* Checks that an answer may begin, and reads its fields. */
static int prepare(aci_request *r, answer *a, int status, aci_span fields) {
    aci_conn *c = r->conn;
    if (!c || r->started)
        return c ? -EALREADY : aci_request_lost(r);
    if (status < 200 || status > 599 || (r->head.connect && status < 300) ||
        read_fields(a, fields) < 0)
        return -EINVAL;
    r->bodyless = r->head.is_head || status == 204 || status == 304;
    if (status == 204)
        a->length = -1;
    return 0;
}

static int add_head(aci_request *r, const answer *a, int status, aci_span fields) {
    aci_conn *c = r->conn;
    aci_fifo *out = &c->out;
    if (a->close || c->server->closed || !body_is_small(c))
        c->last = true;
    c->moved = aci_now_ns();
    r->started = true;
    int failed = add_line(out, status);
    failed |= add_fields(out, fields);
    if (!a->has_date)
        failed |= aci_fifo_text(out, date_line());
    if (a->length >= 0)
        failed |= add_length(out, a->length);
    else if (r->chunked)
        failed |= aci_fifo_text(out, "transfer-encoding: chunked\r\n");
    if (c->last)
        failed |= aci_fifo_text(out, "connection: close\r\n");
    else if (r->head.minor == 0)
        failed |= aci_fifo_text(out, "connection: keep-alive\r\n");
    failed |= aci_fifo_text(out, "\r\n");
    return failed ? -ENOMEM : 0;
}

/* ---- whole answers ---- */

/* Sends straight from the caller's memory what goes; only the rest is copied. */
static int send_body(aci_conn *c, aci_span body) {
    if (body.len > PIECE)
        aci_conn_flush(c);
    while (!c->dead && body.len > PIECE && !aci_conn_unsent(c)) {
        ssize_t put = aci_stream_write(&c->stream, body.at, body.len);
        if (put <= 0)
            break; /* the next flush meets the same error */
        body.at += put;
        body.len -= (size_t)put;
    }
    return c->dead ? 0 : aci_fifo_add(&c->out, body.at, body.len);
}

int aci_answer_settle(aci_request *r, aci_conn *c, int failed) {
    if (failed)
        aci_conn_kill(c, -failed);
    if (c->dead)
        return aci_request_lost(r);
    aci_conn_answered(c);
    return 0;
}

int aci_request_respond(aci_request *r, int status, aci_span fields, aci_span body) {
    answer a;
    int failed = prepare(r, &a, status, fields);
    if (failed)
        return failed;
    if (!r->bodyless && a.length >= 0 && a.length != (int64_t)body.len)
        return -EINVAL;
    if ((status == 204 || status == 304) && body.len)
        return -EINVAL;
    if (status != 204 && status != 304 && a.length < 0)
        a.length = (int64_t)body.len;
    aci_conn *c = r->conn;
    aci_conn_enter(c);
    failed = add_head(r, &a, status, fields);
    if (!failed && !r->bodyless)
        failed = send_body(c, body);
    failed = aci_answer_settle(r, c, failed);
    aci_conn_leave(c);
    return failed;
}

/* Opens the file; checks that it has the part that is asked for. */
static int open_part(const char *path, int64_t offset, int64_t *length) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int failed = fstat(fd, &info) < 0 ? -errno : S_ISREG(info.st_mode) ? 0 : -EISDIR;
    if (!failed && *length < 0)
        *length = (int64_t)info.st_size - offset;
    if (!failed && (offset < 0 || *length < 0 || offset > (int64_t)info.st_size - *length))
        failed = -ERANGE;
    if (!failed)
        return fd;
    close(fd);
    return failed;
}

int aci_request_file(aci_request *r, int status, aci_span fields, const char *path, int64_t offset,
                     int64_t length) {
    answer a;
    int failed = prepare(r, &a, status, fields);
    if (failed)
        return failed;
    int fd = open_part(path, offset, &length);
    if (fd < 0)
        return fd;
    if (status == 204 || status == 304 || (a.length >= 0 && a.length != length)) {
        close(fd);
        return -EINVAL;
    }
    aci_conn *c = r->conn;
    aci_conn_enter(c);
    a.length = length;
    failed = add_head(r, &a, status, fields);
    if (failed || r->bodyless || length == 0) {
        close(fd);
    } else {
        c->file = fd;
        c->file_at = offset;
        c->file_left = length;
    }
    failed = aci_answer_settle(r, c, failed);
    aci_conn_leave(c);
    return failed;
}

/* ---- answers in pieces ---- */

int aci_request_start(aci_request *r, int status, aci_span fields) {
    answer a;
    int failed = prepare(r, &a, status, fields);
    if (failed)
        return failed;
    aci_conn *c = r->conn;
    aci_conn_enter(c);
    r->left = r->bodyless ? -1 : a.length;
    bool framed = a.length >= 0 || status == 204 || status == 304;
    r->chunked = !framed && r->head.minor > 0;
    if (!framed && r->head.minor == 0)
        c->last = true; /* the end of the connection is the end of the body */
    failed = add_head(r, &a, status, fields);
    if (failed)
        aci_conn_kill(c, -failed);
    else
        aci_conn_flush(c);
    failed = c->dead ? aci_request_lost(r) : 0;
    aci_conn_leave(c);
    return failed;
}

/* Leaves the connection: what was added goes out, unless not all of it could be added. */
static int send_added(aci_request *r, bool all) {
    aci_conn *c = r->conn;
    if (all)
        aci_conn_flush(c);
    else
        aci_conn_kill(c, ENOMEM);
    int failed = c->dead ? aci_request_lost(r) : 0;
    aci_conn_leave(c);
    return failed;
}

int aci_request_upgrade(aci_request *r, aci_span fields) {
    aci_conn *c = r->conn;
    answer a;
    if (!c || r->started)
        return c ? -EALREADY : aci_request_lost(r);
    if (r->head.minor == 0 || c->body != BODY_DONE)
        return -EPROTO;
    if (read_fields(&a, fields) < 0 || a.length >= 0)
        return -EINVAL;
    aci_conn_enter(c);
    c->body = BODY_RAW;
    c->last = r->started = true;
    c->moved = aci_now_ns();
    return send_added(r, add_line(&c->out, 101) == 0 && add_fields(&c->out, fields) == 0 &&
                             aci_fifo_text(&c->out, "connection: Upgrade\r\n\r\n") == 0);
}

static int add_piece(aci_request *r, aci_conn *c, aci_span bytes) {
    char line[ACI_CHUNK_LINE];
    int failed = 0;
    if (!aci_conn_unsent(c))
        c->moved = aci_now_ns();
    if (r->chunked)
        failed |= aci_fifo_add(&c->out, line, aci_chunked_line(line, bytes.len));
    failed |= aci_fifo_add(&c->out, bytes.at, bytes.len);
    if (r->chunked)
        failed |= aci_fifo_add(&c->out, "\r\n", 2);
    return failed;
}

int aci_request_write(aci_request *r, aci_span bytes) {
    aci_conn *c = r->conn;
    if (!c || !r->started)
        return c ? -EINVAL : aci_request_lost(r);
    if (r->bodyless || bytes.len == 0)
        return 0;
    if (r->left >= 0 && (int64_t)bytes.len > r->left)
        return -EMSGSIZE;
    if (aci_conn_unsent(c) > OUT_HIGH) {
        c->writing = true;
        r->wait->done = false;
        return -EAGAIN;
    }
    aci_conn_enter(c);
    if (r->left >= 0)
        r->left -= (int64_t)bytes.len;
    return send_added(r, add_piece(r, c, bytes) == 0);
}

int aci_request_finish(aci_request *r) {
    aci_conn *c = r->conn;
    if (!c || !r->started)
        return c ? -EINVAL : aci_request_lost(r);
    int failed = r->left > 0 ? -EMSGSIZE : 0;
    aci_conn_enter(c);
    if (!failed && r->chunked && !r->bodyless)
        failed = aci_fifo_text(&c->out, "0\r\n\r\n");
    failed = aci_answer_settle(r, c, failed);
    aci_conn_leave(c);
    return failed;
}
