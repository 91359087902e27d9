/* Gzip (RFC 1952) of bytes in memory, by zlib. The header holds no name and no time: equal bytes
 * give equal bytes, with the same zlib. */
#ifndef ACI_CORE_GZIP_H
#define ACI_CORE_GZIP_H

#include <stddef.h>

typedef enum aci_gzip_status {
    ACI_GZIP_OK,
    ACI_GZIP_MEMORY,
    ACI_GZIP_BROKEN,   /* not gzip, damaged, or cut off */
    ACI_GZIP_TOO_LARGE /* more than `limit` bytes would come out */
} aci_gzip_status;

/* Compresses; `level` 0 (stored) to 9. The caller frees *out. */
aci_gzip_status aci_gzip_write(const char *bytes, size_t length, int level, char **out,
                               size_t *out_length);

/* Decompresses one member or several, one after the other. The caller frees *out. */
aci_gzip_status aci_gzip_read(const char *bytes, size_t length, size_t limit, char **out,
                              size_t *out_length);

#endif
