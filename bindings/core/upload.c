#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy(aci_upload *upload, const char *bytes, size_t length) {
    upload->bytes = malloc(length + 1);
    if (!upload->bytes)
        return ENOMEM;
    memcpy(upload->bytes, bytes, length);
    upload->length = length;
    upload->at = 0;
    return 0;
}

static void drop_bytes(aci_upload *upload) {
    if (upload->bytes)
        explicit_bzero(upload->bytes, upload->length);
    free(upload->bytes);
    upload->bytes = NULL;
    upload->length = upload->at = 0;
}

int aci_upload_memory(aci_upload *upload, const char *bytes, size_t length) {
    upload->kind = ACI_UPLOAD_MEMORY;
    upload->size = (int64_t)length;
    return copy(upload, bytes, length);
}

int aci_upload_file(aci_upload *upload, const char *path) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    upload->kind = ACI_UPLOAD_FILE;
    upload->fd = fd + 1;
    if (fstat(fd, &about) < 0)
        return errno;
    if (!S_ISREG(about.st_mode))
        return S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
    upload->size = about.st_size;
    return 0;
}

void aci_upload_pieces(aci_upload *upload, int64_t size) {
    upload->kind = ACI_UPLOAD_PIECES;
    upload->size = size;
}

static ssize_t take_bytes(aci_upload *upload, char *bytes, size_t room) {
    size_t left = upload->length - upload->at;
    if (room > left)
        room = left;
    if (room)
        memcpy(bytes, upload->bytes + upload->at, room);
    upload->at += room;
    return (ssize_t)room;
}

/* What grew meanwhile is not sent: its length has been announced. */
static ssize_t take_file(aci_upload *upload, char *bytes, size_t room) {
    int64_t left = upload->size - upload->sent;
    if ((int64_t)room > left)
        room = (size_t)left;
    ssize_t got = pread(upload->fd - 1, bytes, room, (off_t)upload->sent);
    return got < 0 ? -errno : got == 0 && left ? -ENODATA : got;
}

static ssize_t take_piece(aci_upload *upload, char *bytes, size_t room) {
    ssize_t got = take_bytes(upload, bytes, room);
    if (got)
        return got;
    if (upload->ended)
        return upload->size > upload->sent ? -ENODATA : 0;
    drop_bytes(upload);
    upload->hungry = true;
    return -EAGAIN;
}

ssize_t aci_upload_take(aci_upload *upload, char *bytes, size_t room) {
    ssize_t got = upload->kind == ACI_UPLOAD_FILE     ? take_file(upload, bytes, room)
                  : upload->kind == ACI_UPLOAD_PIECES ? take_piece(upload, bytes, room)
                                                      : take_bytes(upload, bytes, room);
    if (got > 0)
        upload->sent += got;
    return got;
}

int aci_upload_give(aci_upload *upload, const char *bytes, size_t length) {
    if (!upload->hungry)
        return -EALREADY;
    if (upload->size >= 0 && (int64_t)length > upload->size - upload->sent)
        return -EFBIG;
    if (length && copy(upload, bytes, length))
        return -ENOMEM;
    upload->ended = length == 0;
    upload->hungry = false;
    return 0;
}

bool aci_upload_rewind(aci_upload *upload, int64_t offset) {
    if (offset < 0 || offset > upload->size || upload->kind == ACI_UPLOAD_PIECES)
        return upload->sent == offset;
    upload->sent = offset;
    if (upload->kind == ACI_UPLOAD_MEMORY)
        upload->at = (size_t)offset;
    return true;
}

void aci_upload_drop(aci_upload *upload) {
    drop_bytes(upload);
    if (upload->fd)
        close(upload->fd - 1);
    *upload = (aci_upload){.kind = upload->kind, .size = upload->size, .ended = true};
}
