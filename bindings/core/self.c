#include "self.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The path that execve was called with, as the kernel remembers it. */
static bool started_as(char *path, size_t size) {
    char real[PATH_MAX];
    unsigned long name = getauxval(AT_EXECFN);
    if (!name || !realpath((const char *)name, real) || strlen(real) >= size)
        return false;
    memcpy(path, real, strlen(real) + 1);
    return true;
}

bool aci_self_path(char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 0 || started_as(path, size);
}
