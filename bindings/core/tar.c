#include "tar.h"

#include <stdio.h>
#include <string.h>

/* Where the fields lie (POSIX.1, pax, "ustar Interchange Format"). */
enum {
    NAME = 0,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    MTIME = 136,
    SUM = 148,
    TYPE = 156,
    TARGET = 157,
    MAGIC = 257,
    VERSION = 263,
    PREFIX = 345,
    PREFIX_SIZE = 155,
    TEXT_SIZE = 100
};

static unsigned checksum(const char *block) {
    unsigned sum = 0;
    for (int i = 0; i < ACI_TAR_BLOCK; i++)
        sum += i >= SUM && i < SUM + 8 ? ' ' : (unsigned char)block[i];
    return sum;
}

/* Octal digits that fill the field but for the NUL at its end. */
static bool write_octal(char *field, size_t size, uint64_t value) {
    field[size - 1] = '\0';
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
    return value == 0;
}

/* Where a long name is cut: the first "/" that leaves at most 100 bytes behind it. */
static const char *cut(const char *name, size_t length) {
    const char *slash = strchr(name + (length - TEXT_SIZE - 1), '/');
    return slash && slash != name && slash[1] && slash - name <= PREFIX_SIZE ? slash : NULL;
}

static bool write_name(const char *name, char *block) {
    size_t length = strlen(name);
    const char *slash;
    if (length <= TEXT_SIZE) {
        memcpy(block + NAME, name, length);
        return length > 0;
    }
    slash = cut(name, length);
    if (!slash)
        return false;
    memcpy(block + PREFIX, name, (size_t)(slash - name));
    memcpy(block + NAME, slash + 1, length - (size_t)(slash + 1 - name));
    return true;
}

bool aci_tar_write(const aci_tar_entry *entry, char *block) {
    size_t target = strlen(entry->target);
    memset(block, 0, ACI_TAR_BLOCK);
    if (!write_name(entry->name, block) || target > TEXT_SIZE)
        return false;
    memcpy(block + TARGET, entry->target, target);
    block[TYPE] = entry->type;
    memcpy(block + MAGIC, "ustar", 6);
    memcpy(block + VERSION, "00", 2);
    write_octal(block + UID, 8, 0);
    write_octal(block + GID, 8, 0);
    if (!write_octal(block + MODE, 8, entry->mode) || !write_octal(block + SIZE, 12, entry->size) ||
        !write_octal(block + MTIME, 12, entry->mtime))
        return false;
    write_octal(block + SUM, 7, checksum(block));
    block[SUM + 7] = ' ';
    return true;
}

/* Blanks, octal digits, then blanks or NUL to the end of the field. */
static bool read_octal(const char *field, size_t size, uint64_t *value) {
    size_t i = 0;
    *value = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    for (; i < size; i++)
        if (field[i] != ' ' && field[i] != '\0')
            return false;
    return true;
}

static void read_name(const char *block, aci_tar_entry *entry) {
    bool ustar = memcmp(block + MAGIC, "ustar", 6) == 0; /* GNU's magic ends with a blank */
    int prefix = ustar ? (int)strnlen(block + PREFIX, PREFIX_SIZE) : 0;
    int name = (int)strnlen(block + NAME, TEXT_SIZE);
    snprintf(entry->name, sizeof entry->name, "%.*s%s%.*s", prefix, block + PREFIX,
             prefix ? "/" : "", name, block + NAME);
    snprintf(entry->target, sizeof entry->target, "%.*s", (int)strnlen(block + TARGET, TEXT_SIZE),
             block + TARGET);
}

static bool read_numbers(const char *block, aci_tar_entry *entry) {
    uint64_t mode, sum;
    if (!read_octal(block + SUM, 8, &sum) || sum != checksum(block) ||
        !read_octal(block + MODE, 8, &mode) || !read_octal(block + SIZE, 12, &entry->size) ||
        !read_octal(block + MTIME, 12, &entry->mtime))
        return false;
    entry->mode = (unsigned)(mode & 07777);
    return true;
}

static bool is_zero(const char *block) {
    return block[0] == '\0' && memcmp(block, block + 1, ACI_TAR_BLOCK - 1) == 0;
}

uint64_t aci_tar_padded(uint64_t size) {
    return (size + ACI_TAR_BLOCK - 1) / ACI_TAR_BLOCK * ACI_TAR_BLOCK;
}

aci_tar_status aci_tar_read(const char *bytes, size_t length, size_t *offset,
                            aci_tar_entry *entry) {
    const char *block = bytes + *offset;
    if (*offset >= length)
        return ACI_TAR_END;
    if (length - *offset < ACI_TAR_BLOCK)
        return ACI_TAR_BROKEN;
    if (is_zero(block))
        return ACI_TAR_END;
    if (!read_numbers(block, entry))
        return ACI_TAR_BROKEN;
    entry->type = block[TYPE] ? block[TYPE] : '0';
    read_name(block, entry);
    if (!strchr("0125", entry->type))
        return ACI_TAR_FOREIGN;
    *offset += ACI_TAR_BLOCK;
    if (entry->type != '0')
        entry->size = 0;
    return entry->size <= length - *offset ? ACI_TAR_ENTRY : ACI_TAR_BROKEN;
}
