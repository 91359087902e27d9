#include "multi.h"
#include "loop.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/epoll.h>

typedef struct owner {
    void *thing;
    void (*ended)(void *thing, CURLcode code);
} owner;

/* Connections that are kept idle, over all hosts. One with TLS holds about 150 KB. */
static const long MOST_IDLE = 16;

/* Buffers of libcurl and OpenSSL come and go in hundreds; the C library keeps what they leave
 * between others' blocks unless it is asked to give it back. A second after a transfer has ended it
 * is. */
static const uint64_t TRIM_AFTER_NS = 1000000000u;

static struct {
    CURLM *multi;
    CURLSH *share;
    CURL *spare;
    aci_timer timer;
    aci_timer trim;
    long running;
    long per_host; /* 0: as many as there are transfers */
    bool initialised;
} net;

static void on_trim(aci_timer *timer) {
    timer->on_due = NULL;
    malloc_trim(0);
}

static void trim_later(void) {
    if (net.trim.on_due)
        return;
    net.trim.on_due = on_trim;
    aci_timer_set(&net.trim, aci_now_ns() + TRIM_AFTER_NS);
}

/* libcurl counts the connections in use as well: without them the seventeenth transfer at once
 * would cost the others their kept connections. */
static void count_running(long change) {
    net.running += change;
    curl_multi_setopt(net.multi, CURLMOPT_MAXCONNECTS, net.running + MOST_IDLE);
}

/* Takes what has ended out of the multi, one by one: `ended` may add and remove others. */
static void collect_ended(void) {
    CURLMsg *message;
    int left;
    while (net.multi && (message = curl_multi_info_read(net.multi, &left))) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        owner *who = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&who);
        curl_multi_remove_handle(net.multi, easy);
        count_running(-1);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
        owner ended = *who;
        free(who);
        ended.ended(ended.thing, code);
        trim_later();
    }
}

static void on_ready(aci_source *source, unsigned events) {
    int running, mask = 0;
    if (events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(net.multi, source->fd, mask, &running);
    collect_ended();
}

static void on_due(aci_timer *timer) {
    int running;
    (void)timer;
    curl_multi_socket_action(net.multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_ended();
}

static unsigned wanted(int what) {
    return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

/* curl says what to watch a socket for; our source is kept as the socket's own pointer. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned) {
    aci_source *source = assigned;
    (void)easy;
    (void)context;
    if (what == CURL_POLL_REMOVE) {
        if (source)
            aci_source_remove(source);
        free(source);
        return 0;
    }
    if (source)
        return aci_source_modify(source, wanted(what)) < 0 ? -1 : 0;
    source = calloc(1, sizeof *source);
    if (!source)
        return -1;
    source->on_ready = on_ready;
    if (aci_source_add(source, fd, wanted(what)) < 0) {
        free(source);
        return -1;
    }
    curl_multi_assign(net.multi, fd, source);
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context) {
    (void)multi;
    (void)context;
    if (milliseconds < 0) {
        aci_timer_cancel(&net.timer);
        return 0;
    }
    net.timer.on_due = on_due;
    return aci_timer_set(&net.timer, aci_now_ns() + (uint64_t)milliseconds * 1000000u);
}

static int open_multi(void) {
    if (net.multi)
        return 0;
    if (!net.initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    net.initialised = true;
    net.multi = curl_multi_init();
    net.share = curl_share_init();
    if (!net.multi || !net.share) {
        aci_multi_close();
        return -ENOMEM;
    }
    curl_share_setopt(net.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(net.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(net.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(net.multi, CURLMOPT_MAX_HOST_CONNECTIONS, net.per_host);
    return 0;
}

CURL *aci_multi_easy(void) {
    CURL *easy = net.spare ? net.spare : curl_easy_init();
    net.spare = NULL;
    return easy;
}

void aci_multi_give_back(CURL *easy, bool well) {
    if (!well || net.spare || !net.multi) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy); /* the share stays */
    net.spare = easy;
}

void aci_multi_connections(long per_host) {
    net.per_host = per_host;
    if (net.multi)
        curl_multi_setopt(net.multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
}

int aci_multi_add(CURL *easy, void *thing, void (*ended)(void *thing, CURLcode code)) {
    owner *who;
    if (open_multi() < 0 || !(who = malloc(sizeof *who)))
        return -ENOMEM;
    *who = (owner){thing, ended};
    curl_easy_setopt(easy, CURLOPT_PRIVATE, who);
    curl_easy_setopt(easy, CURLOPT_SHARE, net.share);
    if (curl_multi_add_handle(net.multi, easy) == CURLM_OK) {
        count_running(1);
        return 0;
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    free(who);
    return -ENOMEM;
}

void aci_multi_remove(CURL *easy) {
    owner *who = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&who);
    if (!who)
        return;
    curl_multi_remove_handle(net.multi, easy);
    count_running(-1);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    free(who);
}

void aci_multi_close(void) {
    aci_timer_cancel(&net.timer);
    aci_timer_cancel(&net.trim);
    net.trim.on_due = NULL;
    curl_easy_cleanup(net.spare);
    net.spare = NULL;
    if (net.multi)
        curl_multi_cleanup(net.multi);
    if (net.share)
        curl_share_cleanup(net.share);
    net.multi = NULL;
    net.share = NULL;
}
