/* A transfer's options, as libcurl wants them. */
#include "multi.h"
#include "transfer_inside.h"
#include "url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void set_always(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* cancel does not wait for a slow resolver */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "acihost");
}

/* Whether the file of authorities that libcurl was built with is there: asked once. */
static bool has_own_file(void) {
    static int known = -1;
    if (known < 0) {
        const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
        known = built->cainfo && access(built->cainfo, R_OK) == 0;
    }
    return known;
}

/* One file and no folder of certificates: only then libcurl keeps the parsed store (30 ms). */
static void set_trust(CURL *easy, const char *ca_file) {
    if (!ca_file)
        ca_file = getenv("SSL_CERT_FILE");
    if (ca_file && *ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    if ((ca_file && *ca_file) || has_own_file())
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

/* An address that was given, or this machine, is reached directly whatever the environment says. */
static bool goes_directly(const aci_transfer_options *options, aci_url_part host) {
    return options->connect_to || aci_url_loopback(host);
}

/* A proxy that was given is used whatever NO_PROXY says. */
static void set_route(aci_transfer *self, const aci_transfer_options *options, aci_url_part host) {
    const char *proxy = options->proxy ? options->proxy : goes_directly(options, host) ? "" : NULL;
    curl_easy_setopt(self->easy, CURLOPT_PROXY, proxy);
    curl_easy_setopt(self->easy, CURLOPT_NOPROXY, proxy ? "" : NULL);
    curl_easy_setopt(self->easy, CURLOPT_CONNECT_TO, self->connect_to);
}

static void set_times(aci_transfer *self, const aci_transfer_options *options) {
    long whole = (long)(options->timeout * 1000), connect = (long)(options->connect_timeout * 1000);
    bool limited = options->timeout > 0, connect_limited = options->connect_timeout > 0;
    curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, !limited ? 0L : whole > 0 ? whole : 1L);
    curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     !connect_limited ? 0L
                     : connect > 0    ? connect
                                      : 1L);
    self->stall_ns = (uint64_t)(options->stall_timeout * 1e9);
}

/* What signs in over TLS. Its files are read when the connection is made. */
static void set_certificate(CURL *easy, const aci_transfer_options *options) {
    const char *file = options->client_certificate, *ending = file ? strrchr(file, '.') : NULL;
    if (!file)
        return;
    curl_easy_setopt(easy, CURLOPT_SSLCERT, file);
    if (ending && (strcasecmp(ending, ".p12") == 0 || strcasecmp(ending, ".pfx") == 0))
        curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "P12");
    curl_easy_setopt(easy, CURLOPT_SSLKEY, options->client_key);
    curl_easy_setopt(easy, CURLOPT_KEYPASSWD, options->client_password);
}

static bool expects_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

/* A body goes up under any method; without one POST, PUT and PATCH say Content-Length: 0. */
static int set_method(aci_transfer *self) {
    if (self->upload.kind || expects_body(self->method)) {
        if (aci_transfer_header(self, "Expect", "") < 0)
            return ENOMEM;
        curl_easy_setopt(self->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(self->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)self->upload.size);
    } else if (strcmp(self->method, "HEAD") == 0) {
        curl_easy_setopt(self->easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, self->method);
    return 0;
}

/* ---- what it owns ---- */

/* Pieces can't be sent twice: a kept connection, which may turn out dead, is nothing for them. */
static int set_body(aci_transfer *self, const aci_transfer_options *options) {
    if (options->body_file)
        return aci_upload_file(&self->upload, options->body_file);
    if (options->body)
        return aci_upload_memory(&self->upload, options->body, options->body_size);
    if (options->body_pieces) {
        aci_upload_pieces(&self->upload, options->body_length);
        curl_easy_setopt(self->easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    return 0;
}

static int set_connect_to(aci_transfer *self, const char *address) {
    char *entry;
    if (asprintf(&entry, "::%s", address) < 0)
        return ENOMEM;
    self->connect_to = curl_slist_append(NULL, entry);
    free(entry);
    return self->connect_to ? 0 : ENOMEM;
}

static int set_sink(aci_transfer *self, const aci_transfer_options *options) {
    bool sink = options->sink_file || options->sink_stream;
    self->spool.max = options->max_body ? options->max_body : sink ? UINT64_MAX : MEMORY_MAX;
    if (options->sink_stream)
        self->spool.kind = ACI_SPOOL_STREAM;
    return options->sink_file ? -aci_spool_file(&self->spool, options->sink_file) : 0;
}

const char *aci_transfer_peer(const aci_transfer *self, char *room, size_t size) {
    aci_url url;
    if (self->address || aci_url_parse(self->url, strlen(self->url), &url) != NULL)
        return self->address ? self->address : self->host;
    bool tls = url.scheme.length == 5, six = memchr(url.host.at, ':', url.host.length) != NULL;
    snprintf(room, size, six ? "[%.*s]:%d" : "%.*s:%d", (int)url.host.length, url.host.at,
             url.port ? url.port
             : tls    ? 443
                      : 80);
    return room;
}

/* Most requests differ in little, which is set for each. */
static aci_dress dress_of(const aci_transfer_options *options, aci_url_part host) {
    bool plain = strcmp(options->method, "GET") == 0 && !options->body && !options->body_file &&
                 !options->body_pieces && !options->ca_file && !options->client_certificate &&
                 !options->proxy && !options->connect_to;
    return !plain                         ? ACI_DRESS_OWN
           : goes_directly(options, host) ? ACI_DRESS_DIRECT
                                          : ACI_DRESS_PLAIN;
}

int aci_transfer_prepare(aci_transfer *self, const aci_transfer_options *options) {
    aci_url url;
    int failed;
    if (aci_url_parse(options->url, strlen(options->url), &url) != NULL)
        return EINVAL;
    self->method = strdup(options->method);
    self->url = strdup(options->url);
    self->host = strndup(url.host.at, url.host.length);
    self->address = options->connect_to ? strdup(options->connect_to) : NULL;
    self->dress = dress_of(options, url.host);
    self->easy = aci_multi_easy(self->dress, &self->dressed);
    if (!self->method || !self->url || !self->host || !self->easy ||
        (options->connect_to && !self->address))
        return ENOMEM;
    self->replay = options->replay;
    if ((failed = set_body(self, options)) || (failed = set_sink(self, options)) ||
        (failed = options->connect_to ? set_connect_to(self, options->connect_to) : 0))
        return failed;
    if (curl_easy_setopt(self->easy, CURLOPT_URL, self->url) != CURLE_OK)
        return ENOMEM;
    set_times(self, options);
    if (self->dressed)
        return 0;
    set_route(self, options, url.host);
    set_always(self->easy);
    set_trust(self->easy, options->ca_file);
    set_certificate(self->easy, options);
    return set_method(self);
}
