/* Numbers as JSON writes them: see number.h. */
#include "number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every integer up to here, and every power of ten in the table, is exact as a double: one
 * multiplication or division of two of them rounds once, as reading the digits would. */
#define EXACT_LIMIT (UINT64_C(1) << 53)
#define EXACT_POWER 22

static const double powers[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* A script may have called os.setlocale: numbers must not care. */
static locale_t c_locale(void) {
    static locale_t locale;
    if (!locale) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    return locale;
}

/* --- reading ------------------------------------------------------------------------------ */

/* The parts of a number while it is read. */
typedef struct parts {
    uint64_t digits; /* the first 19 significant ones */
    int significant; /* how many there are in all */
    int scale;       /* power of ten that digits stands for */
    bool negative, fraction;
} parts;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void add_digit(parts *number, char c) {
    if (number->significant < 19) {
        number->digits = number->digits * 10 + (uint64_t)(c - '0');
    }
    number->significant += number->digits != 0;
}

static const char *read_integer_part(const char *at, const char *end, parts *number,
                                     const char **message) {
    if (at == end || !is_digit(*at)) {
        *message = "expected a digit";
        return at;
    }
    if (*at == '0' && end - at > 1 && is_digit(at[1])) {
        *message = "numbers cannot begin with 0";
        return at;
    }
    for (; at < end && is_digit(*at); at++) {
        add_digit(number, *at);
    }
    return at;
}

static const char *read_fraction(const char *at, const char *end, parts *number,
                                 const char **message) {
    const char *first = ++at;
    for (; at < end && is_digit(*at); at++) {
        add_digit(number, *at);
    }
    if (at == first) {
        *message = "expected a digit after the decimal point";
    }
    number->fraction = true;
    number->scale = (long)(first - at); /* meaningful only while there are few digits */
    return at;
}

static const char *read_exponent(const char *at, const char *end, parts *number,
                                 const char **message) {
    bool negative = ++at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || !is_digit(*at)) {
        *message = "expected a digit in the exponent";
        return at;
    }
    int exponent = 0;
    for (; at < end && is_digit(*at); at++) {
        exponent = exponent < 10000 ? exponent * 10 + (*at - '0') : exponent;
    }
    number->fraction = true;
    number->scale += negative ? -exponent : exponent;
    return at;
}

/* Whether number is an integer of 64 bits; fills *integer. */
static bool take_integer(const parts *number, int64_t *integer) {
    uint64_t limit = (uint64_t)INT64_MAX + number->negative;
    if (number->fraction || number->significant > 19 || number->digits > limit) {
        return false;
    }
    *integer = (int64_t)(number->negative ? 0 - number->digits : number->digits);
    return !(number->negative && number->digits == 0);
}

/* The double, where one exact operation gives it. */
static bool take_exact(const parts *number, double *value) {
    if (number->significant > 19 || number->digits > EXACT_LIMIT ||
        labs(number->scale) > EXACT_POWER) {
        return false;
    }
    double whole = (double)number->digits;
    *value = number->scale < 0 ? whole / powers[-number->scale] : whole * powers[number->scale];
    *value = number->negative ? -*value : *value;
    return true;
}

const char *aci_number_read(const char *at, const char *end, aci_number *number,
                            const char **message) {
    parts read = {.negative = *at == '-'};
    const char *start = at;
    at = read_integer_part(at + read.negative, end, &read, message);
    if (!*message && at < end && *at == '.') {
        at = read_fraction(at, end, &read, message);
    }
    if (!*message && at < end && (*at == 'e' || *at == 'E')) {
        at = read_exponent(at, end, &read, message);
    }
    if (*message) {
        return at;
    }
    number->is_integer = take_integer(&read, &number->integer);
    if (number->is_integer || take_exact(&read, &number->value)) {
        return at;
    }
    number->value = strtod_l(start, NULL, c_locale());
    if (isinf(number->value)) {
        *message = "the number is too large";
        return start;
    }
    return at;
}

/* --- writing ------------------------------------------------------------------------------ */

/* The digits of value, at least `least` of them; returns how many. */
static size_t write_digits(uint64_t value, size_t least, char *out) {
    char reversed[24];
    size_t count = 0;
    while (value || count < least) {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    return count;
}

size_t aci_number_write_integer(int64_t value, char *out) {
    if (value < 0) {
        *out = '-';
        return 1 + write_digits(0 - (uint64_t)value, 1, out + 1);
    }
    return write_digits((uint64_t)value, 1, out);
}

/* digits / 10^places with its point. */
static size_t write_decimal(uint64_t digits, size_t places, char *out) {
    size_t count = write_digits(digits, places + 1, out);
    size_t whole = count - places;
    if (places == 0) {
        memcpy(out + count, ".0", 2);
        return count + 2;
    }
    memmove(out + whole + 1, out + whole, places);
    out[whole] = '.';
    return count + 1;
}

/* Most floats that people write are a small integer over a small power of ten. Looking for it
 * from few places to many finds the shortest, and dividing proves that it reads back. Where there
 * is none, *places is how far it looked. */
static size_t write_short(double value, int *places, char *out) {
    for (*places = 0; *places < EXACT_POWER; ++*places) {
        double scaled = value * powers[*places];
        if (scaled >= (double)EXACT_LIMIT) {
            return 0;
        }
        uint64_t digits = (uint64_t)(scaled + 0.5);
        if ((double)digits / powers[*places] == value) {
            return write_decimal(digits, (size_t)*places, out);
        }
    }
    return 0;
}

__extension__ typedef unsigned __int128 wide;

/* The same with more digits than a double holds, in exact arithmetic: for 1e-5 <= value < 1e15
 * every product fits 128 bits. digits / 10^places reads back as value = mantissa / 2^shift if it
 * is nearer than half a step, 1 / 2^(shift + 1). */
static size_t write_exact(double value, int places, char *out) {
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 53);
    int shift = 53 - exponent;
    if (mantissa == EXACT_LIMIT / 2) {
        return 0; /* a power of two: the step below it is half as wide */
    }
    for (; places <= EXACT_POWER; places++) {
        wide power = (wide)powers[places], exact = mantissa * power;
        wide digits = (exact + ((wide)1 << (shift - 1))) >> shift, near = digits << shift;
        wide away = near > exact ? near - exact : exact - near;
        if (2 * away < power) {
            return write_decimal((uint64_t)digits, (size_t)places, out);
        }
    }
    return 0;
}

static size_t write_long(double value, char *out) {
    locale_t before = uselocale(c_locale());
    int length = 0, fewest = value < DBL_MIN ? 1 : 15; /* subnormals have fewer digits */
    for (int precision = fewest; precision <= 17; precision++) {
        length = snprintf(out, ACI_NUMBER_ROOM, "%.*g", precision, value);
        if (precision == 17 || strtod_l(out, NULL, c_locale()) == value) {
            break;
        }
    }
    uselocale(before);
    if (!strpbrk(out, ".e")) {
        memcpy(out + length, ".0", 2);
        length += 2;
    }
    return (size_t)length;
}

static size_t write_positive(double value, char *out) {
    int places;
    size_t length = 0;
    if (value == 0 || (value >= 1e-5 && value < 1e15)) {
        length = write_short(value, &places, out);
        length = length ? length : write_exact(value, places ? places - 1 : 0, out);
    }
    return length ? length : write_long(value, out);
}

size_t aci_number_write_float(double value, char *out) {
    size_t sign = signbit(value) != 0;
    *out = '-';
    return sign + write_positive(fabs(value), out + sign);
}
