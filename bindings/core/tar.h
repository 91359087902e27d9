/* Tape archives in the ustar format (POSIX.1-1988): one header at a time, nothing allocated.
 *
 * What is written depends on the entry alone: owner 0:0 without names, numbers in octal, so equal
 * entries give equal bytes. Read are ustar, GNU's and pre-POSIX archives as far as they hold files,
 * folders and links; extended headers (pax, GNU long names) are told apart and not understood. */
#ifndef ACI_CORE_TAR_H
#define ACI_CORE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACI_TAR_BLOCK 512
#define ACI_TAR_RECORD 10240 /* an archive's length is a multiple of this */

typedef struct aci_tar_entry {
    char name[257];   /* prefix, "/" and name */
    char target[101]; /* of a link */
    char type;        /* '0' file, '1' hard link, '2' symbolic link, '5' folder; else not ours */
    unsigned mode;    /* permission bits */
    uint64_t size;    /* of a file, in bytes */
    uint64_t mtime;   /* seconds since 1970 */
} aci_tar_entry;

/* Fills a block of ACI_TAR_BLOCK bytes. False when the format cannot hold the entry: a name over
 * 255 bytes or without a "/" in the right place, a target over 100 bytes, a size of 8 GiB. */
bool aci_tar_write(const aci_tar_entry *entry, char *block);

typedef enum aci_tar_status {
    ACI_TAR_ENTRY,  /* *entry was filled; its content begins at *offset */
    ACI_TAR_END,    /* a block of zeros, or no more bytes */
    ACI_TAR_BROKEN, /* a wrong checksum or number, or content that is cut off */
    ACI_TAR_FOREIGN /* an entry of a type that is not understood */
} aci_tar_status;

/* Reads the header at *offset and moves *offset behind it. */
aci_tar_status aci_tar_read(const char *bytes, size_t length, size_t *offset, aci_tar_entry *entry);

/* The bytes that a content takes in the archive: whole blocks. */
uint64_t aci_tar_padded(uint64_t size);

#endif
