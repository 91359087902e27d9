/* A transfer that failed, in words that say what to look at. */
#ifndef ACI_FAULT_H
#define ACI_FAULT_H

#include <stdbool.h>

#include <curl/curl.h>

#define ACI_FAULT_HEADERS_TOO_LARGE "the headers of the answer are too large"

typedef struct aci_fault {
    const char *kind; /* NULL: no fault; "network", "timeout", "failed", "canceled" */
    const char *code; /* "connect", "resolve", "reset", "tls_expired", ... */
    char message[400];
} aci_fault;

/* What is known about the transfer beside curl's code. */
typedef struct aci_fault_facts {
    const char *host;  /* of the URL */
    const char *peer;  /* host and port where the connection goes */
    const char *text;  /* curl's own words; may be empty */
    long verify;       /* OpenSSL's result of the certificate's check */
    long system;       /* errno of the last connect or socket, 0 */
    long proxy_status; /* the proxy's answer to CONNECT, 0 */
    bool started;      /* a connection was there and the request began */
    bool in_headers;   /* the answer had begun, its head was not complete */
} aci_fault_facts;

__attribute__((format(printf, 4, 5))) void aci_fault_set(aci_fault *fault, const char *kind,
                                                         const char *code, const char *format, ...);

void aci_fault_from_curl(aci_fault *fault, CURLcode code, const aci_fault_facts *facts);

/* Is it a fault of the connection, gone perhaps at the next try? */
bool aci_fault_passing(const char *code);

#endif
