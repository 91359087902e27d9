/* Bytes as text: hex and base64 (RFC 4648), strict when reading: what the writers would not have
 * written is refused, except for letter case in hex. And percent-encoding (RFC 3986), read only. */
#ifndef ACI_CORE_ENCODE_H
#define ACI_CORE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

/* Which alphabet. URL: "-" and "_" instead of "+" and "/", and no padding. */
typedef enum aci_base64 { ACI_BASE64, ACI_BASE64_URL } aci_base64;

/* Lower-case hex; out has room for 2 * length bytes. Returns how many were written. */
size_t aci_hex_write(const void *bytes, size_t length, char *out);

/* Either case; out has room for length / 2 bytes. False where the text is no hex. */
bool aci_hex_read(const char *text, size_t length, void *out, size_t *written);

/* out has room for (length + 2) / 3 * 4 bytes. Returns how many were written. */
size_t aci_base64_write(aci_base64 alphabet, const void *bytes, size_t length, char *out);

/* out has room for (length + 3) / 4 * 3 bytes. False where the text is none: other characters
 * (white space too), wrong or missing padding (with URL: any but the right one or none), bits
 * that no byte has. */
bool aci_base64_read(aci_base64 alphabet, const char *text, size_t length, void *out,
                     size_t *written);

/* Resolve %XX; a percent sign without two hex digits stays, and so does "+". out has room for
 * length bytes and may be text itself. Returns how many were written. */
size_t aci_percent_read(const char *text, size_t length, char *out);

#endif
