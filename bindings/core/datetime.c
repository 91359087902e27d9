#include "datetime.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL};
static const char *const long_days[] = {"Sunday",   "Monday", "Tuesday",  "Wednesday",
                                        "Thursday", "Friday", "Saturday", NULL};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                                     "Aug", "Sep", "Oct", "Nov", "Dec", NULL};

#define YEAR_0 (-62167219200.0)
#define YEAR_10000 253402300800.0

/* -- writing ---------------------------------------------------------------------------------- */

static bool split(double when, struct tm *parts, double *rest) {
    if (!(when >= YEAR_0 && when < YEAR_10000))
        return false;
    double whole = floor(when);
    time_t seconds = (time_t)whole;
    *rest = when - whole;
    return gmtime_r(&seconds, parts) != NULL;
}

bool aci_datetime_iso(double when, int digits, char text[ACI_DATETIME_ROOM]) {
    struct tm at;
    double rest, unit = pow(10, digits);
    /* Rounded before it is split, so that 59.9999999 becomes the next minute. */
    double whole = floor(when), part = round((when - whole) * unit);
    if (part >= unit) {
        whole += 1;
        part = 0;
    }
    if (!split(whole, &at, &rest))
        return false;
    int used = snprintf(text, ACI_DATETIME_ROOM, "%04d-%02d-%02dT%02d:%02d:%02d", at.tm_year + 1900,
                        at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
    if (digits > 0)
        used += snprintf(text + used, ACI_DATETIME_ROOM - (size_t)used, ".%0*llu", digits,
                         (unsigned long long)part);
    snprintf(text + used, ACI_DATETIME_ROOM - (size_t)used, "Z");
    return true;
}

bool aci_datetime_http(double when, char text[ACI_DATETIME_ROOM]) {
    struct tm at;
    double rest;
    if (!split(when, &at, &rest))
        return false;
    snprintf(text, ACI_DATETIME_ROOM, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[at.tm_wday],
             at.tm_mday, months[at.tm_mon], at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
    return true;
}

/* -- reading: each function moves `*at` on, or answers false ------------------------------------
 */

static bool take(const char **at, char wanted) {
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool take_text(const char **at, const char *wanted) {
    size_t length = strlen(wanted);
    if (strncmp(*at, wanted, length) != 0)
        return false;
    *at += length;
    return true;
}

/* Exactly `count` digits. */
static bool take_number(const char **at, int count, int *value) {
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_name(const char **at, const char *const *names, int *index) {
    for (*index = 0; names[*index]; ++*index)
        if (take_text(at, names[*index]))
            return true;
    return false;
}

static bool take_fraction(const char **at, double *value) {
    double unit = 1;
    *value = 0;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++) {
        if (unit < 1e15) {
            unit *= 10;
            *value = *value * 10 + (**at - '0');
        }
    }
    *value /= unit;
    return true;
}

static bool take_clock(const char **at, struct tm *parts) {
    return take_number(at, 2, &parts->tm_hour) && take(at, ':') &&
           take_number(at, 2, &parts->tm_min) && take(at, ':') &&
           take_number(at, 2, &parts->tm_sec);
}

static bool leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool valid(const struct tm *at) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (at->tm_mon < 0 || at->tm_mon > 11 || at->tm_mday < 1)
        return false;
    int length = lengths[at->tm_mon] + (at->tm_mon == 1 && leap(at->tm_year + 1900));
    return at->tm_mday <= length && at->tm_hour <= 23 && at->tm_min <= 59 && at->tm_sec <= 60;
}

static bool join(struct tm *parts, double *when) {
    if (!valid(parts))
        return false;
    *when = (double)timegm(parts);
    return true;
}

/* The seconds that local time is ahead. */
static bool take_zone(const char **at, int *ahead) {
    int hours, minutes = 0, sign = **at == '-' ? -1 : 1;
    *ahead = 0;
    if (**at == '\0' || take(at, 'Z') || take(at, 'z'))
        return true;
    if (!take(at, '+') && !take(at, '-'))
        return false;
    if (!take_number(at, 2, &hours))
        return false;
    if (**at != '\0') {
        take(at, ':');
        if (!take_number(at, 2, &minutes))
            return false;
    }
    *ahead = sign * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59;
}

static bool take_date(const char **at, struct tm *parts) {
    int year, month;
    if (!take_number(at, 4, &year) || !take(at, '-') || !take_number(at, 2, &month) ||
        !take(at, '-') || !take_number(at, 2, &parts->tm_mday))
        return false;
    parts->tm_year = year - 1900;
    parts->tm_mon = month - 1;
    return true;
}

/* hh:mm, seconds and decimals if they follow. */
static bool take_time(const char **at, struct tm *parts, double *fraction) {
    if (!take_number(at, 2, &parts->tm_hour) || !take(at, ':') ||
        !take_number(at, 2, &parts->tm_min))
        return false;
    if (!take(at, ':'))
        return true;
    if (!take_number(at, 2, &parts->tm_sec))
        return false;
    return (!take(at, '.') && !take(at, ',')) || take_fraction(at, fraction);
}

bool aci_datetime_parse_iso(const char *text, double *when) {
    struct tm parts = {0};
    double fraction = 0;
    int ahead = 0;
    if (!take_date(&text, &parts))
        return false;
    if (*text != '\0') {
        if (!take(&text, 'T') && !take(&text, 't') && !take(&text, ' '))
            return false;
        if (!take_time(&text, &parts, &fraction) || !take_zone(&text, &ahead))
            return false;
    }
    if (*text != '\0' || !join(&parts, when))
        return false;
    *when = *when - ahead + fraction;
    return true;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_fixdate(const char *at, struct tm *parts) {
    int day, year;
    bool good = take_name(&at, days, &day) && take_text(&at, ", ") &&
                take_number(&at, 2, &parts->tm_mday) && take(&at, ' ') &&
                take_name(&at, months, &parts->tm_mon) && take(&at, ' ') &&
                take_number(&at, 4, &year) && take(&at, ' ') && take_clock(&at, parts) &&
                take_text(&at, " GMT") && *at == '\0';
    if (good)
        parts->tm_year = year - 1900;
    return good;
}

/* Sunday, 06-Nov-94 08:49:37 GMT. A year that seems over 50 years ahead is of the last century. */
static bool parse_rfc850(const char *at, struct tm *parts) {
    int day, year;
    bool good = take_name(&at, long_days, &day) && take_text(&at, ", ") &&
                take_number(&at, 2, &parts->tm_mday) && take(&at, '-') &&
                take_name(&at, months, &parts->tm_mon) && take(&at, '-') &&
                take_number(&at, 2, &year) && take(&at, ' ') && take_clock(&at, parts) &&
                take_text(&at, " GMT") && *at == '\0';
    if (!good)
        return false;
    struct tm today;
    time_t now = time(NULL);
    gmtime_r(&now, &today);
    parts->tm_year = year + today.tm_year / 100 * 100;
    if (parts->tm_year > today.tm_year + 50)
        parts->tm_year -= 100;
    return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(const char *at, struct tm *parts) {
    int day, year;
    if (!take_name(&at, days, &day) || !take(&at, ' ') || !take_name(&at, months, &parts->tm_mon) ||
        !take(&at, ' '))
        return false;
    bool good = take_number(&at, take(&at, ' ') ? 1 : 2, &parts->tm_mday) && take(&at, ' ') &&
                take_clock(&at, parts) && take(&at, ' ') && take_number(&at, 4, &year) &&
                *at == '\0';
    if (good)
        parts->tm_year = year - 1900;
    return good;
}

bool aci_datetime_parse_http(const char *text, double *when) {
    bool (*const forms[])(const char *, struct tm *) = {parse_fixdate, parse_rfc850, parse_asctime};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm parts = {0};
        if (forms[i](text, &parts))
            return join(&parts, when);
    }
    return false;
}
