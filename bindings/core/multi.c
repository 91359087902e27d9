#include "multi.h"
#include "loop.h"
#include "sockets.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* Of one running transfer: the list of them is what has to end when the multi handle breaks. */
typedef struct owner {
    struct owner *next, **from;
    CURL *easy;
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
    CURL *spare;     /* for the next transfer */
    aci_dress dress; /* of the spare; ACI_DRESS_OWN: the default options */
    owner *owners;
    aci_timer timer;
    aci_timer trim;
    long running;
    long per_host; /* 0: as many as there are transfers */
    bool initialised;
    bool broken; /* a callback failed: libcurl then serves nobody any more */
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

static void take_out(owner *who) {
    curl_multi_remove_handle(net.multi, who->easy);
    count_running(-1);
    curl_easy_setopt(who->easy, CURLOPT_PRIVATE, NULL);
    *who->from = who->next;
    if (who->next)
        who->next->from = who->from;
}

static void end(owner *who, CURLcode code) {
    owner ended = *who;
    take_out(who);
    free(who);
    ended.ended(ended.thing, code);
    trim_later();
}

/* One by one: `ended` may add and remove others. */
static void collect_ended(void) {
    CURLMsg *message;
    int left;
    while (net.multi && (message = curl_multi_info_read(net.multi, &left))) {
        owner *who = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&who);
        end(who, code);
    }
}

/* Where the multi handle is broken every transfer ends, and the next one opens a new handle. */
static void mend(void) {
    if (!net.broken)
        return;
    while (net.owners)
        end(net.owners, CURLE_OUT_OF_MEMORY);
    aci_multi_close();
}

static void act(curl_socket_t fd, int mask) {
    int running;
    curl_multi_socket_action(net.multi, fd, mask, &running);
    collect_ended();
    mend();
}

static void on_ready(int fd, unsigned events) {
    int mask = 0;
    if (events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    act(fd, mask);
}

static void on_due(aci_timer *timer) {
    (void)timer;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static unsigned wanted(int what) {
    return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

static int broken(void) {
    net.broken = true;
    return -1;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned) {
    (void)easy, (void)context, (void)assigned;
    if (what == CURL_POLL_REMOVE)
        aci_sockets_leave(fd);
    else if (aci_sockets_watch(fd, wanted(what), on_ready) < 0)
        return broken();
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context) {
    (void)multi;
    (void)context;
    if (milliseconds < 0) {
        aci_timer_cancel(&net.timer);
        return 0;
    }
    uint64_t due = milliseconds ? aci_now_ns() + (uint64_t)milliseconds * 1000000u : 0;
    net.timer.on_due = on_due;
    return aci_timer_set(&net.timer, due) < 0 ? broken() : 0;
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

CURL *aci_multi_easy(aci_dress wanted, bool *dressed) {
    CURL *easy = net.spare ? net.spare : curl_easy_init();
    *dressed = net.spare && wanted && net.dress == wanted;
    if (net.spare && net.dress && !*dressed)
        curl_easy_reset(easy); /* the share stays */
    net.spare = NULL;
    return easy;
}

void aci_multi_give_back(CURL *easy, bool well, aci_dress dress) {
    if (!well || net.spare || !net.multi) {
        curl_easy_cleanup(easy);
        return;
    }
    if (dress)
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL); /* of the transfer, which ends */
    else
        curl_easy_reset(easy);
    net.spare = easy;
    net.dress = dress;
}

void aci_multi_connections(long per_host) {
    net.per_host = per_host;
    if (net.multi)
        curl_multi_setopt(net.multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
}

static void keep_track(owner *who) {
    who->next = net.owners;
    who->from = &net.owners;
    if (who->next)
        who->next->from = &who->next;
    net.owners = who;
    count_running(1);
}

int aci_multi_add(CURL *easy, void *thing, void (*ended)(void *thing, CURLcode code)) {
    owner *who;
    if (open_multi() < 0 || !(who = malloc(sizeof *who)))
        return -ENOMEM;
    *who = (owner){.easy = easy, .thing = thing, .ended = ended};
    curl_easy_setopt(easy, CURLOPT_PRIVATE, who);
    curl_easy_setopt(easy, CURLOPT_SHARE, net.share);
    if (curl_multi_add_handle(net.multi, easy) == CURLM_OK) {
        keep_track(who);
        return 0;
    }
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
    free(who);
    mend();
    return -ENOMEM;
}

void aci_multi_begin(void) {
    if (net.timer.index && net.timer.due == 0) {
        aci_timer_cancel(&net.timer);
        act(CURL_SOCKET_TIMEOUT, 0);
    }
}

void aci_multi_remove(CURL *easy) {
    owner *who = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&who);
    if (!who)
        return;
    take_out(who);
    free(who);
    mend();
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
    aci_sockets_free();
    net.multi = NULL;
    net.share = NULL;
    net.broken = false;
}
