/* The parts of aci.http that need neither libcurl nor Lua: URLs, retry arithmetic, answer heads,
 * spools. Prints what fails; exit code 1 then. */
#include "core/encode.h"
#include "core/headers.h"
#include "core/retry.h"
#include "core/spool.h"
#include "core/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures, checks;

static void check(bool ok, const char *what, int line) {
    checks++;
    if (ok)
        return;
    failures++;
    printf("tests/core/http.c:%d: %s\n", line, what);
}

#define CHECK(condition) check((condition), #condition, __LINE__)

/* RFC 3986, 5.4: every example but those of other schemes and of references with a fragment,
 * which is never sent. */
static void test_resolve(void) {
    static const char base[] = "http://a/b/c/d;p?q";
    static const char *const examples[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"g#s", "http://a/b/c/g"},
        {";x", "http://a/b/c/;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char *got = aci_url_resolve(base, examples[i][0]);
        if (!got || strcmp(got, examples[i][1]) != 0)
            printf("'%s' gives '%s', not '%s'\n", examples[i][0], got ? got : "", examples[i][1]);
        CHECK(got && strcmp(got, examples[i][1]) == 0);
        free(got);
    }
    char *got = aci_url_resolve("https://host", "x");
    CHECK(got && strcmp(got, "https://host/x") == 0);
    free(got);
}

static bool same(aci_url_part part, const char *text) {
    return part.at && part.length == strlen(text) && memcmp(part.at, text, part.length) == 0;
}

static bool is_url(const char *text, aci_url *url) {
    return aci_url_parse(text, strlen(text), url) == NULL;
}

static void test_parse(void) {
    aci_url url;
    CHECK(is_url("http://user:p@ss@h:80/p?q?#f?", &url));
    CHECK(url.userinfo && same(url.host, "h") && url.port == 80);
    CHECK(same(url.path, "/p") && same(url.query, "q?"));
    CHECK(is_url("https://[fe80::1]", &url) && same(url.host, "fe80::1") && url.path.length == 0);
    CHECK(!url.query.at && url.port == 0);
    CHECK(is_url("http://h?", &url) && url.query.at && url.query.length == 0);
    CHECK(is_url("http://h:/", &url) && url.port == 0);
    CHECK(!is_url("http://h:65536/", &url) && !is_url("http://h:8a/", &url));
    CHECK(!is_url("http://[::1]x/", &url) && !is_url("httpx://h/", &url) &&
          !is_url("http:/h", &url));
    CHECK(aci_url_parse("http://h/\0", 10, &url) != NULL && !is_url("http://h/\t", &url));
}

static bool is_loopback(const char *host) {
    return aci_url_loopback((aci_url_part){host, strlen(host)});
}

static void test_loopback(void) {
    CHECK(is_loopback("localhost") && is_loopback("LOCALHOST") && is_loopback("x.localhost"));
    CHECK(is_loopback("127.0.0.1") && is_loopback("127.9.8.7") && is_loopback("::1"));
    CHECK(!is_loopback("notlocalhost") && !is_loopback("127.evil.example"));
    CHECK(!is_loopback("10.0.0.1") && !is_loopback("localhost.example") &&
          !is_loopback("127.0.0.1.nip.io"));
    CHECK(!is_loopback("127.bad.de") && !is_loopback("127.example") && !is_loopback(""));
}

static void test_escape(void) {
    char out[32];
    CHECK(aci_url_escape("a b\0c", 5, NULL, out) == 9 && memcmp(out, "a%20b%00c", 9) == 0);
    CHECK(aci_percent_read("%41%4", 5, out) == 3 && memcmp(out, "A%4", 3) == 0);
    CHECK(aci_percent_read("%", 1, out) == 1 && aci_percent_read("%g1", 3, out) == 3);
    CHECK(aci_percent_read("", 0, out) == 0);
}

static void test_retry(void) {
    CHECK(aci_retry_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777.0);
    CHECK(aci_retry_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777.0);
    CHECK(aci_retry_date("Sun Nov  6 08:49:37 1994") == 784111777.0);
    CHECK(aci_retry_date("Sun, 06 Nov 1994 25:49:37 GMT") < 0 && aci_retry_date("") < 0);
    CHECK(aci_retry_date("Sun, 06 Nov 1994 -1:49:37 GMT") < 0);
    CHECK(aci_retry_after("retry-after", "120", 0) == 120);
    CHECK(aci_retry_after("retry-after", "99999999999999999999", 0) < 0);
    CHECK(aci_retry_after("retry-after-ms", "1.5", 0) == 0.0015);
    CHECK(aci_retry_after("retry-after-ms", "Sun, 06 Nov 1994 08:49:37 GMT", 0) < 0);
    CHECK(aci_retry_after("age", "1", 0) < 0);
    CHECK(aci_retry_backoff(2, 60, 0) == 0.25 && aci_retry_backoff(2, 60, UINT32_MAX) == 0.5);
    CHECK(aci_retry_backoff(5, 60, UINT32_MAX) == 4 &&
          aci_retry_backoff(1000, 60, UINT32_MAX) == 60);
    CHECK(aci_retry_backoff(9, 0, 7) == 0);
}

static int add_line(aci_headers *headers, const char *line) {
    return aci_headers_line(headers, line, strlen(line));
}

static void test_headers(void) {
    aci_headers headers = {0};
    const char *name, *value;
    size_t at = 0;
    CHECK(add_line(&headers, " folded into nothing\r\n") == 0);
    CHECK(add_line(&headers, "HTTP/1.1 100 Continue\r\n") == 0 &&
          add_line(&headers, "A: 0\r\n") == 0);
    CHECK(add_line(&headers, "\r\n") == 0 && add_line(&headers, "HTTP/1.1 200 OK\r\n") == 0);
    CHECK(add_line(&headers, "A-B:  x y \t\r\n") == 0 && add_line(&headers, "\t z\r\n") == 0);
    CHECK(add_line(&headers, "Empty:\r\n") == 0 && add_line(&headers, "no colon\r\n") == 0);
    CHECK(add_line(&headers, "\r\n") == 0 && add_line(&headers, "Trailer: 1\r\n") == 0);
    CHECK(aci_headers_next(&headers, &at, &name, &value));
    CHECK(strcmp(name, "a-b") == 0 && strcmp(value, "x y z") == 0);
    CHECK(aci_headers_next(&headers, &at, &name, &value));
    CHECK(strcmp(name, "empty") == 0 && *value == '\0');
    CHECK(!aci_headers_next(&headers, &at, &name, &value) && !headers.repeats);
    CHECK(add_line(&headers, "HTTP/1.1 200 OK\r\n") == 0 && add_line(&headers, "Vary: a\r\n") == 0);
    CHECK(!headers.repeats && add_line(&headers, "vary: b\r\n") == 0 && headers.repeats);
    aci_headers_drop(&headers);
}

static void test_headers_limit(void) {
    static char line[60000];
    aci_headers headers = {0};
    int failed = 0, lines = 0;
    memset(line, 'x', sizeof line);
    memcpy(line, "X: ", 3);
    while (!failed && lines++ < 100)
        failed = aci_headers_line(&headers, line, sizeof line);
    CHECK(failed == -EFBIG && lines == ACI_HEADERS_MAX / 60000 + 1);
    aci_headers_drop(&headers);
    aci_headers_drop(&headers);
}

static void test_spool_memory(void) {
    aci_spool spool = {.max = 10000};
    char bytes[5000] = {1};
    CHECK(aci_spool_put(&spool, bytes, 5000) == 0 && aci_spool_put(&spool, bytes, 5000) == 0);
    CHECK(aci_spool_put(&spool, bytes, 1) == -EFBIG && spool.length == 10000);
    CHECK(spool.bytes[0] == 1 && spool.bytes[5000] == 1);
    aci_spool_drop(&spool);
    aci_spool_drop(&spool);
}

static void test_spool_file(void) {
    char path[] = "/tmp/aci-spool-XXXXXX";
    aci_spool spool = {.max = UINT64_MAX};
    struct stat about;
    close(mkstemp(path));
    CHECK(aci_spool_file(&spool, path) == 0 && aci_spool_put(&spool, "abc", 3) == 0);
    CHECK(stat(path, &about) == 0 && about.st_size == 0 && access(spool.part, R_OK) == 0);
    CHECK(aci_spool_commit(&spool) == 0 && stat(path, &about) == 0 && about.st_size == 3);
    aci_spool_drop(&spool);
    spool = (aci_spool){.max = UINT64_MAX};
    CHECK(aci_spool_file(&spool, path) == 0 && aci_spool_put(&spool, "half", 4) == 0);
    char *part = strdup(spool.part);
    aci_spool_drop(&spool);
    CHECK(access(part, F_OK) < 0 && stat(path, &about) == 0 && about.st_size == 3);
    free(part);
    unlink(path);
}

static void test_spool_stream(void) {
    aci_spool spool = {.kind = ACI_SPOOL_STREAM, .max = UINT64_MAX};
    CHECK(!aci_spool_full(&spool, ACI_SPOOL_STREAM_ROOM + 1)); /* an empty one takes anything */
    CHECK(aci_spool_put(&spool, "x", 1) == 0 && aci_spool_full(&spool, ACI_SPOOL_STREAM_ROOM));
    aci_spool_empty(&spool);
    CHECK(!aci_spool_full(&spool, ACI_SPOOL_STREAM_ROOM));
    aci_spool_drop(&spool);
}

int main(void) {
    test_resolve();
    test_parse();
    test_loopback();
    test_escape();
    test_retry();
    test_headers();
    test_headers_limit();
    test_spool_memory();
    test_spool_file();
    test_spool_stream();
    printf("%d checks, %d failed\n", checks, failures);
    return failures ? 1 : 0;
}
