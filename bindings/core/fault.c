#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void aci_fault_set(aci_fault *fault, const char *kind, const char *code, const char *format, ...) {
    va_list arguments;
    fault->kind = kind;
    fault->code = code;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
}

bool aci_fault_passing(const char *code) {
    static const char *const passing[] = {"connect", "resolve", "reset", "connect_timeout",
                                          "stalled"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strcmp(code, passing[i]) == 0)
            return true;
    return false;
}

/* OpenSSL's X509_V_ERR_ numbers; not included, so that only curl's header is needed here. */
static const struct {
    long verify;
    const char *code, *words;
} certificates[] = {
    {10, "tls_expired", "the certificate of %s has expired (or this machine's clock is wrong)"},
    {9, "tls_not_yet_valid",
     "the certificate of %s is not valid yet (or this machine's clock is wrong)"},
    {18, "tls_untrusted", "the certificate of %s is self-signed and not trusted"},
    {19, "tls_untrusted", "the certificate of %s comes from an authority that is not trusted"},
    {20, "tls_untrusted", "the certificate of %s comes from an authority that is not trusted"},
    {21, "tls_untrusted", "the certificate of %s comes from an authority that is not trusted"},
    {62, "tls_host", "the certificate that %s presents is for another name"},
};

static void set_certificate(aci_fault *fault, const aci_fault_facts *facts) {
    const char *words = NULL;
    fault->kind = "network";
    fault->code = "tls";
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        if (certificates[i].verify == facts->verify) {
            fault->code = certificates[i].code;
            words = certificates[i].words;
        }
    }
    if (!words && strstr(facts->text, "match")) { /* the name is checked by curl, not OpenSSL */
        fault->code = "tls_host";
        words = "the certificate that %s presents is for another name";
    }
    if (!words) {
        aci_fault_set(fault, "network", "tls", "the certificate of %s is refused: %s", facts->host,
                      facts->text);
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats are the table's above */
    snprintf(fault->message, sizeof fault->message, words, facts->host);
#pragma GCC diagnostic pop
}

/* curl says whom it could not connect to: somebody else than the peer is the proxy. */
static bool names_proxy(const aci_fault_facts *facts, char *proxy, size_t size) {
    char host[256];
    int port;
    if (sscanf(facts->text, "Failed to connect to %255s port %d", host, &port) != 2)
        return false;
    if (strchr(host, ':'))
        snprintf(proxy, size, "[%s]:%d", host, port);
    else
        snprintf(proxy, size, "%s:%d", host, port);
    return strcasecmp(proxy, facts->peer) != 0;
}

static void set_connect(aci_fault *fault, const aci_fault_facts *facts) {
    char proxy[300];
    if (facts->system == EMFILE || facts->system == ENFILE)
        aci_fault_set(fault, "failed", "descriptors", "cannot connect to %s: %s", facts->peer,
                      strerror((int)facts->system));
    else if (names_proxy(facts, proxy, sizeof proxy))
        aci_fault_set(fault, "network", "connect", "cannot connect to the proxy %s for %s: %s",
                      proxy, facts->host,
                      facts->system ? strerror((int)facts->system) : facts->text);
    else
        aci_fault_set(fault, "network", "connect", "cannot connect to %s: %s", facts->peer,
                      facts->system ? strerror((int)facts->system) : facts->text);
}

static void set_timeout(aci_fault *fault, const aci_fault_facts *facts) {
    if (facts->started)
        aci_fault_set(fault, "timeout", "timeout", "%s did not finish its answer in time",
                      facts->host);
    else
        aci_fault_set(fault, "timeout", "connect_timeout", "cannot connect to %s in time",
                      facts->peer);
}

static void set_broken(aci_fault *fault, const aci_fault_facts *facts) {
    if (facts->proxy_status && facts->proxy_status / 100 != 2)
        aci_fault_set(fault, "network", "proxy",
                      "the proxy does not connect to %s: it answered %ld", facts->host,
                      facts->proxy_status);
    else if (strstr(facts->text, "Too large response headers"))
        aci_fault_set(fault, "failed", "too_large", ACI_FAULT_HEADERS_TOO_LARGE);
    else
        aci_fault_set(fault, "network", "reset", "the connection to %s broke: %s", facts->host,
                      facts->text);
}

/* What the server says of our certificate comes as an alert: under TLS 1.3 after the handshake. */
static bool set_client_certificate(aci_fault *fault, const aci_fault_facts *facts) {
    static const char *const refusals[] = {
        "alert unknown ca",          "alert bad certificate",         "alert certificate expired",
        "alert certificate unknown", "alert unsupported certificate", "alert certificate revoked"};
    if (strstr(facts->text, "alert certificate required"))
        aci_fault_set(fault, "network", "tls_client",
                      "%s asks for a client certificate (option client_certificate)", facts->host);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strstr(facts->text, refusals[i]))
            aci_fault_set(fault, "network", "tls_client",
                          "%s does not accept the client certificate: %s", facts->host,
                          refusals[i] + strlen("alert "));
    return fault->kind != NULL;
}

/* libcurl calls a header line of more than 100 kB a lack of memory. */
static void set_memory(aci_fault *fault, const aci_fault_facts *facts) {
    if (facts->in_headers)
        aci_fault_set(fault, "failed", "too_large", ACI_FAULT_HEADERS_TOO_LARGE);
    else
        aci_fault_set(fault, "failed", "memory", "not enough memory");
}

void aci_fault_from_curl(aci_fault *fault, CURLcode code, const aci_fault_facts *facts) {
    const char *text = facts->text[0] ? facts->text : curl_easy_strerror(code);
    aci_fault_facts known = *facts;
    known.text = text;
    if (set_client_certificate(fault, &known))
        return;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        aci_fault_set(fault, "network", "resolve", "cannot find the address of %s", facts->host);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        aci_fault_set(fault, "network", "resolve", "cannot find the address of the proxy");
        break;
    case CURLE_COULDNT_CONNECT:
        set_connect(fault, &known);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        set_timeout(fault, &known);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        set_certificate(fault, &known);
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        aci_fault_set(fault, "network", "tls", "no TLS connection to %s: %s", facts->host, text);
        break;
    case CURLE_SSL_CERTPROBLEM:
        aci_fault_set(fault, "failed", "client_certificate",
                      "the client certificate cannot be used: %s", text);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        aci_fault_set(fault, "failed", "ca_file", "the trusted certificates are not readable: %s",
                      text);
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_ABORTED_BY_CALLBACK: /* a second sending that transfer.c refused */
        set_broken(fault, &known);
        break;
    case CURLE_OUT_OF_MEMORY:
        set_memory(fault, &known);
        break;
    default:
        aci_fault_set(fault, "network", "protocol", "%s: %s", facts->host, text);
    }
}
