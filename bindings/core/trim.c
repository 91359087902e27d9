#include "trim.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>

struct mapping {
    unsigned long from, to;
    int droppable; /* private, of a file, and not writable */
};

static int read_head(const char *line, struct mapping *mapping) {
    char rights[5], slash;
    unsigned long from, to;
    int fields = sscanf(line, "%lx-%lx %4s %*s %*s %*s %c", &from, &to, rights, &slash);
    if (fields < 3)
        return 0;
    mapping->from = from, mapping->to = to;
    mapping->droppable = fields == 4 && slash == '/' && rights[1] == '-' && rights[3] == 'p';
    return 1;
}

/* Pages that were changed before they lost the right to be (relocations) are counted as anonymous:
 * such a mapping holds what no file has. */
static void drop(const char *line, const struct mapping *mapping) {
    unsigned long anonymous;
    if (mapping->droppable && sscanf(line, "Anonymous: %lu kB", &anonymous) == 1 && anonymous == 0)
        madvise((void *)mapping->from, mapping->to - mapping->from, MADV_DONTNEED);
}

void aci_memory_trim(void) {
    char line[4352]; /* a path of PATH_MAX and what stands before it */
    struct mapping mapping = {0};
    FILE *maps = fopen("/proc/self/smaps", "re");
    malloc_trim(0);
    if (!maps)
        return;
    while (fgets(line, sizeof line, maps))
        if (!read_head(line, &mapping))
            drop(line, &mapping);
    fclose(maps);
}
