#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { NAME_ROOM = 64, STAT_ROOM = 1024, BOOT_SHOWN = 8, START_FIELD = 22 };

static int add(aci_processes *list, pid_t pid) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        pid_t *items = realloc(list->items, room * sizeof *items);
        if (!items)
            return -ENOMEM;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = pid;
    return 0;
}

static int add_children_of_thread(aci_processes *list, pid_t pid, const char *thread) {
    char name[NAME_ROOM + 256];
    snprintf(name, sizeof name, "/proc/%d/task/%s/children", (int)pid, thread);
    FILE *file = fopen(name, "re");
    if (!file)
        return 0; /* ended meanwhile */
    int child, status = 0;
    while (status == 0 && fscanf(file, "%d", &child) == 1)
        status = add(list, child);
    fclose(file);
    return status;
}

int aci_processes_children(aci_processes *list, pid_t pid) {
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(name);
    if (!threads)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            status = add_children_of_thread(list, pid, entry->d_name);
    closedir(threads);
    return status;
}

int aci_processes_descendants(aci_processes *list, pid_t pid) {
    size_t next = list->count;
    int status = aci_processes_children(list, pid);
    for (; status == 0 && next < list->count; next++)
        status = aci_processes_children(list, list->items[next]);
    return status;
}

/* Reads a small file; it ends with a zero. */
static int read_small(const char *name, char *text, size_t room) {
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, text, room - 1);
    int status = got < 0 ? -errno : 0;
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return status;
}

static const char *boot_id(void) {
    static char id[BOOT_SHOWN + 1];
    if (!*id && read_small("/proc/sys/kernel/random/boot_id", id, sizeof id) < 0)
        memcpy(id, "unknown", sizeof "unknown");
    return id;
}

int aci_process_start_time(pid_t pid, char text[ACI_START_ROOM]) {
    char name[NAME_ROOM], line[STAT_ROOM];
    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    if (read_small(name, line, sizeof line) < 0)
        return -ESRCH;
    char *at = strrchr(line, ')'); /* the name may hold anything, brackets and spaces too */
    if (!at || at[1] != ' ' || strchr("ZX", at[2]))
        return -ESRCH;
    at += 2;
    for (int field = 3; field < START_FIELD && at; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return -ESRCH;
    snprintf(text, ACI_START_ROOM, "%llu@%s", strtoull(at, NULL, 10), boot_id());
    return 0;
}

int aci_process_signal(pid_t pid, int number, const char *start) {
    char now[ACI_START_ROOM];
    if (!start)
        return kill(pid, number) < 0 ? -errno : 0;
    int fd = pidfd_open(pid, 0); /* first: then it is the process whose start is compared */
    if (fd < 0 && errno != ENOSYS)
        return -errno;
    int status = aci_process_start_time(pid, now);
    if (status == 0 && strcmp(now, start) != 0)
        status = -ESRCH;
    if (status == 0 && (fd < 0 ? kill(pid, number) : pidfd_send_signal(fd, number, NULL, 0)) < 0)
        status = -errno;
    if (fd >= 0)
        close(fd);
    return status;
}

/* -- names of signals -------------------------------------------------------------------------- */

int aci_signal_number(const char *name) {
    const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    for (int number = 1; number <= NSIG - 1; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strcmp(known, bare) == 0)
            return number;
    }
    return 0;
}

const char *aci_signal_name(int number) {
    return sigabbrev_np(number);
}
