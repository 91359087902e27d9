/* The inside of JSON strings: UTF-8, escapes, both ways. */
#ifndef ACI_CORE_JSTRING_H
#define ACI_CORE_JSTRING_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the UTF-8 character at `at` has; 0 where there is none (truncated, overlong, a
 * surrogate, beyond U+10FFFF). Needs at < end. */
size_t aci_utf8_length(const char *at, const char *end);

/* How many bytes from `at` on are whole UTF-8 characters beyond ASCII. */
size_t aci_utf8_run(const char *at, const char *end);

/* Write a code point as UTF-8; returns the bytes written, 1 to 4. */
size_t aci_utf8_write(unsigned code, char *out);

/* The first byte from `at` on that needs a look inside a JSON string: a quote, a backslash, a
 * control character or part of a longer character; `end` where there is none. */
const char *aci_string_plain(const char *at, const char *end);

/* The closing quote of the string whose opening quote is at[-1]. line_breaks lets raw line breaks
 * and tabs through; *escaped tells whether it holds a backslash. On a fault *message is set
 * (static) and the fault's place is returned. */
const char *aci_string_end(const char *at, const char *end, bool line_breaks, bool *escaped,
                           const char **message);

/* Resolve the escapes of a string that aci_string_end has checked; out has room for length bytes.
 * Returns the bytes written. */
size_t aci_string_unescape(const char *start, size_t length, char *out);

#endif
