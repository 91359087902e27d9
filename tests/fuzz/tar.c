/* Fuzzes the reader of tape archives.
 * sources: bindings/core/tar.c
 *
 * Every block is read as given and once more with the right checksum, which chance would not find.
 * Beyond "no crash": contents stay inside the bytes, texts end, what can be written is read back.
 */
#include "../../bindings/core/tar.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok) {
    if (!ok)
        abort();
}

static void check_again(const aci_tar_entry *entry) {
    char block[ACI_TAR_BLOCK];
    aci_tar_entry again;
    size_t offset = 0;
    if (!aci_tar_write(entry, block) || entry->size)
        return;
    require(aci_tar_read(block, sizeof block, &offset, &again) == ACI_TAR_ENTRY);
    require(strcmp(entry->name, again.name) == 0 && strcmp(entry->target, again.target) == 0);
    require(entry->mode == again.mode && entry->mtime == again.mtime && entry->type == again.type);
}

static void check(const char *bytes, size_t length) {
    aci_tar_entry entry;
    size_t offset = 0;
    while (aci_tar_read(bytes, length, &offset, &entry) == ACI_TAR_ENTRY) {
        require(offset <= length && entry.size <= length - offset && entry.mode <= 07777);
        require(strlen(entry.name) < sizeof entry.name);
        check_again(&entry);
        uint64_t padded = aci_tar_padded(entry.size);
        offset = padded > length - offset ? length : offset + (size_t)padded;
    }
    require(offset <= length);
}

static void sum_block(char *block) {
    unsigned sum = 8 * ' ';
    for (int i = 0; i < ACI_TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? 0 : (unsigned char)block[i];
    snprintf(block + 148, 7, "%06o", sum);
    block[155] = ' ';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = malloc(size + 1);
    if (size)
        memcpy(bytes, data, size);
    check(bytes, size);
    for (size_t at = 0; at + ACI_TAR_BLOCK <= size; at += ACI_TAR_BLOCK)
        sum_block(bytes + at);
    check(bytes, size);
    free(bytes);
    return 0;
}
