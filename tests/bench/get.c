/* The peer of get.lua: GETs over one kept connection, with libcurl's easy interface and nothing
 * else.
 *
 *     get URL COUNT
 *
 * Prints the seconds that COUNT requests took, after one that made the connection. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t got;

static size_t on_body(char *bytes, size_t one, size_t length, void *owner) {
    (void)bytes, (void)owner;
    got += one * length;
    return one * length;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void request(CURL *easy) {
    long status = 0;
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        fprintf(stderr, "get: %s, status %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
}

int main(int count, char **words) {
    if (count != 3)
        return 2;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, words[1]);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT,
                     "acihost"); /* the same request: servers read each header */
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    request(easy);
    double started = now();
    for (long left = atol(words[2]); left > 0; left--)
        request(easy);
    printf("%.6f\n", now() - started);
    curl_easy_cleanup(easy);
    return got == 0;
}
