#include "retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool aci_retry_method(const char *method) {
    static const char *const safe[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        if (strcmp(method, safe[i]) == 0)
            return true;
    return false;
}

bool aci_retry_status(int status) {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

static int month_number(const char *name) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (strncmp(name, months + 3 * i, 3) == 0)
            return i;
    return -1;
}

/* The three forms of RFC 9110, 5.6.7. A two-digit year is the one nearest to now. */
static bool scan_date(const char *text, struct tm *at, char *month) {
    int n = 0;
    if (sscanf(text, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n", &at->tm_mday, month,
               &at->tm_year, &at->tm_hour, &at->tm_min, &at->tm_sec, &n) == 6 &&
        n)
        return true;
    if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &at->tm_mday, month,
               &at->tm_year, &at->tm_hour, &at->tm_min, &at->tm_sec, &n) == 6 &&
        n) {
        at->tm_year += at->tm_year < 70 ? 2000 : 1900;
        return true;
    }
    return sscanf(text, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d%n", month, &at->tm_mday, &at->tm_hour,
                  &at->tm_min, &at->tm_sec, &at->tm_year, &n) == 6 &&
           n;
}

static bool within(int value, int most) {
    return value >= 0 && value <= most;
}

double aci_retry_date(const char *text) {
    struct tm at = {0};
    char month[4] = "";
    if (!scan_date(text, &at, month))
        return -1;
    at.tm_mon = month_number(month);
    at.tm_year -= 1900;
    if (at.tm_mon < 0 || at.tm_mday < 1 || at.tm_mday > 31 || !within(at.tm_hour, 23) ||
        !within(at.tm_min, 59) || !within(at.tm_sec, 60))
        return -1;
    return (double)timegm(&at);
}

/* A plain decimal number and nothing else; -1 when it is none. */
static double plain_number(const char *text) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 12)
        return -1;
    if (text[digits] == '.')
        digits += 1 + strspn(text + digits + 1, "0123456789");
    return text[digits] == '\0' ? strtod(text, NULL) : -1;
}

double aci_retry_after(const char *name, const char *value, double now) {
    double number = plain_number(value), date;
    if (strcmp(name, "retry-after-ms") == 0 || strcmp(name, "x-ms-retry-after-ms") == 0)
        return number < 0 ? -1 : number / 1000;
    if (strcmp(name, "retry-after") != 0)
        return -1;
    if (number >= 0)
        return number;
    date = aci_retry_date(value);
    if (date < 0)
        return -1;
    return date > now ? date - now : 0;
}

double aci_retry_backoff(int next, double cap, uint32_t random) {
    double most = 0.5;
    for (int i = 2; i < next && most < cap; i++)
        most *= 2;
    if (most > cap)
        most = cap;
    return most / 2 + most / 2 * ((double)random / UINT32_MAX);
}
