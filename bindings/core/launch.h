/* What is to be started, and starting it: program, arguments, environment, streams.
 * The child has its own group (or session), no descriptor but the named ones, the default action
 * for every signal, an empty mask, and the limit of descriptors that we were started with. */
#ifndef ACI_LAUNCH_H
#define ACI_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { ACI_STREAMS = 3, ACI_KEEP_MOST = 8 };

typedef struct aci_list {
    char **items; /* ends with NULL once it has an item */
    size_t count;
    size_t room;
} aci_list;

typedef struct aci_launch {
    aci_list arguments;
    aci_list environment; /* "NAME=value"; wiped when freed */
    bool own_environment; /* false: the child gets ours */
    char *folder;         /* NULL: ours */
    int streams[ACI_STREAMS];
    int reading[ACI_STREAMS]; /* our ends of the pipes; -1: none */
    int keep[ACI_KEEP_MOST];  /* descriptors that the child gets under the same number */
    size_t keep_count;
    bool session;          /* a session of its own */
    bool group;            /* a process group of its own */
    int parent_death;      /* signal it gets when our thread ends; 0: none */
    const char *failed_at; /* after a failure: the program or folder that it was about */
} aci_launch;

aci_launch *aci_launch_new(void);
void aci_launch_free(void *launch); /* with descriptors that are still its own */

/* These copy; 0 or a negative errno. */
int aci_launch_argument(aci_launch *launch, const char *text);
int aci_launch_variable(aci_launch *launch, const char *name, const char *value, size_t length);
int aci_launch_folder(aci_launch *launch, const char *path);

/* Where stream 0, 1 or 2 comes from or goes to; unset ones are /dev/null. */
int aci_launch_inherit(aci_launch *launch, int stream);
int aci_launch_pipe(aci_launch *launch, int stream);
int aci_launch_bytes(aci_launch *launch, int stream, const char *bytes, size_t length);
int aci_launch_file(aci_launch *launch, int stream, const char *path); /* 1 and 2 are appended to */
int aci_launch_same(aci_launch *launch);                               /* 2 goes where 1 goes */

/* Starts it and gives its process id, or a negative errno with failed_at set. */
pid_t aci_launch_start(aci_launch *launch);

/* The file that `name` means in `search` (PATH's form); NULL and errno if there is none. */
char *aci_find_program(const char *name, const char *search);

/* Raises our own limit of open descriptors, as far as it is ours to raise; many transfers at once
 * need them. Children get the old limit back. */
void aci_raise_descriptor_limit(void);

#endif
