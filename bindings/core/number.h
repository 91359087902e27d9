/* Numbers as JSON writes them, exact both ways and independent of the locale. */
#ifndef ACI_CORE_NUMBER_H
#define ACI_CORE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct aci_number {
    bool is_integer; /* no fraction, no exponent, fits 64 bits, not -0 */
    int64_t integer; /* where is_integer */
    double value;    /* otherwise: the nearest double, always finite */
} aci_number;

/* Read the number at `at`, before `end`; *end must be readable and no part of it. Returns what
 * follows it. On a fault *message is set (static) and the fault's place is returned. */
const char *aci_number_read(const char *at, const char *end, aci_number *number,
                            const char **message);

/* Room for what the writers write. */
#define ACI_NUMBER_ROOM 32

/* Write value to out; returns the number of bytes (no NUL). */
size_t aci_number_write_integer(int64_t value, char *out);

/* Write a finite value in the fewest digits that read back as the same double, always with a
 * point or an exponent so that it stays a float; returns the number of bytes (no NUL). */
size_t aci_number_write_float(double value, char *out);

#endif
