/* Moments as text: ISO 8601 / RFC 3339 and the dates of HTTP. Seconds since 1970, UTC. */
#ifndef ACI_DATETIME_H
#define ACI_DATETIME_H

#include <stdbool.h>
#include <stddef.h>

enum { ACI_DATETIME_ROOM = 40 };

/* "2026-11-24T01:02:03.123456Z" with `digits` (0 to 9) decimals, rounded to them. False when the
 * moment lies outside the years 0 to 9999. */
bool aci_datetime_iso(double when, int digits, char text[ACI_DATETIME_ROOM]);

/* Reads date, "T" or a space, time with optional seconds and decimals, then "Z", "+hh:mm",
 * "+hhmm", "+hh" or nothing, which means UTC. A date alone is its midnight. False for all else. */
bool aci_datetime_parse_iso(const char *text, double *when);

/* "Tue, 24 Nov 2026 01:02:03 GMT"; decimals are dropped. */
bool aci_datetime_http(double when, char text[ACI_DATETIME_ROOM]);

/* Reads the three forms that RFC 9110 (5.6.7) knows. */
bool aci_datetime_parse_http(const char *text, double *when);

#endif
