#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 16 * 1024, TREE_DESCRIPTORS = 16, NAME_TRIES = 16 };

/* -- reading ---------------------------------------------------------------------------------- */

static int grow(char **data, size_t *capacity, size_t limit) {
    size_t wanted = *capacity ? *capacity * 2 : FIRST_READ;
    if (wanted > limit)
        wanted = limit;
    char *bigger = realloc(*data, wanted ? wanted : 1);
    if (!bigger)
        return -ENOMEM;
    *data = bigger;
    *capacity = wanted;
    return 0;
}

static int read_all(int fd, size_t limit, char **data, size_t *length) {
    size_t capacity = 0;
    *data = NULL;
    *length = 0;
    if (grow(data, &capacity, limit) < 0)
        return -ENOMEM;
    while (*length < limit) {
        if (*length == capacity && grow(data, &capacity, limit) < 0)
            return -ENOMEM;
        ssize_t got = read(fd, *data + *length, capacity - *length);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0)
            *length += (size_t)got;
    }
    return 0;
}

int aci_file_read(const char *path, uint64_t offset, size_t limit, char **data, size_t *length) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = 0;
    *data = NULL;
    if (offset && lseek(fd, (off_t)offset, SEEK_SET) < 0)
        status = -errno;
    if (status == 0)
        status = read_all(fd, limit, data, length);
    close(fd);
    if (status < 0) {
        free(*data);
        *data = NULL;
    }
    return status;
}

/* -- writing ---------------------------------------------------------------------------------- */

static int write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t put = write(fd, data, length);
        if (put < 0 && errno != EINTR)
            return -errno;
        if (put > 0) {
            data += put;
            length -= (size_t)put;
        }
    }
    return 0;
}

static int open_mode(int mode) {
    return mode == ACI_FILE_MODE_UNSET ? 0666 : mode;
}

static int set_mode(int fd, int mode) {
    if (mode != ACI_FILE_MODE_UNSET && fchmod(fd, (mode_t)mode) < 0)
        return -errno;
    return 0;
}

/* Fills an open descriptor and closes it, keeping the first error. */
static int fill(int fd, const char *data, size_t length, int mode, bool sync) {
    int status = set_mode(fd, mode);
    if (status == 0)
        status = write_all(fd, data, length);
    if (status == 0 && sync && fsync(fd) < 0)
        status = -errno;
    if (close(fd) < 0 && status == 0)
        status = -errno;
    return status;
}

static int write_in_place(const char *path, const char *data, size_t length) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fill(fd, data, length, ACI_FILE_MODE_UNSET, false);
}

/* Opens a new file beside `path`; its name is left in `name`. */
static int open_beside(const char *path, int mode, char name[PATH_MAX]) {
    for (int try = 0; try < NAME_TRIES; try++) {
        uint64_t chance = 0;
        if (getrandom(&chance, sizeof chance, 0) < 0)
            return -errno;
        int length = snprintf(name, PATH_MAX, "%s.%016llx", path, (unsigned long long)chance);
        if (length >= PATH_MAX)
            return -ENAMETOOLONG;
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                      (mode_t)open_mode(mode));
        if (fd >= 0 || errno != EEXIST)
            return fd < 0 ? -errno : fd;
    }
    return -EEXIST;
}

/* The rename itself is on disk only after the folder is. */
static int sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(length ? length : 1), slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return status;
}

static int replace(const char *path, const char *data, size_t length, int mode, bool sync) {
    char name[PATH_MAX];
    int fd = open_beside(path, mode, name);
    if (fd < 0)
        return fd;
    int status = fill(fd, data, length, mode, sync);
    if (status == 0 && rename(name, path) < 0)
        status = -errno;
    if (status < 0)
        unlink(name);
    else if (sync)
        status = sync_folder(path);
    return status;
}

int aci_file_write(const char *path, const char *data, size_t length, int mode, bool sync) {
    struct stat there;
    if (stat(path, &there) < 0)
        return replace(path, data, length, mode, sync);
    if (S_ISDIR(there.st_mode))
        return -EISDIR;
    if (!S_ISREG(there.st_mode))
        return write_in_place(path, data, length);
    char target[PATH_MAX];
    if (!realpath(path, target))
        return -errno;
    if (mode == ACI_FILE_MODE_UNSET)
        mode = there.st_mode & 07777;
    return replace(target, data, length, mode, sync);
}

int aci_file_append(const char *path, const char *data, size_t length, int mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, (mode_t)open_mode(mode));
    return fd < 0 ? -errno : fill(fd, data, length, mode, false);
}

/* -- folders ---------------------------------------------------------------------------------- */

/* Set only on a folder that this call made. */
static int make_folder(const char *path, int mode) {
    if (mkdir(path, mode == ACI_FILE_MODE_UNSET ? 0777 : (mode_t)mode) == 0)
        return mode != ACI_FILE_MODE_UNSET && chmod(path, (mode_t)mode) < 0 ? -errno : 0;
    if (errno != EEXIST)
        return -errno;
    struct stat there;
    if (stat(path, &there) < 0)
        return -errno;
    return S_ISDIR(there.st_mode) ? 0 : -ENOTDIR;
}

int aci_file_make_folders(const char *path, int mode) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0)
        return -ENOENT;
    if (length >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        int status = make_folder(part, mode);
        if (status < 0)
            return status;
        *slash = '/';
    }
    return make_folder(part, mode);
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where) {
    (void)what, (void)kind, (void)where;
    return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

int aci_file_remove_tree(const char *path) {
    int status = nftw(path, remove_one, TREE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    if (status == -1)
        return errno == ENOENT ? 0 : -errno;
    return status;
}

/* -- locks ------------------------------------------------------------------------------------ */

/* A lock on a file that was removed or replaced meanwhile holds nobody back. */
static bool still_there(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

int aci_file_lock(const char *path, int *fd) {
    for (int try = 0; try < NAME_TRIES; try++) {
        int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (opened < 0)
            return -errno;
        if (flock(opened, LOCK_EX | LOCK_NB) < 0) {
            int status = -errno;
            close(opened);
            return status;
        }
        if (still_there(opened, path)) {
            *fd = opened;
            return 0;
        }
        close(opened);
    }
    return -EWOULDBLOCK;
}
