/* Whole files: read, replace atomically, append, lock, make and remove trees.
 *
 * Every function returns 0 or a negative errno and never touches Lua. Paths are used as given;
 * descriptors are opened close-on-exec. */
#ifndef ACI_FILE_H
#define ACI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No mode was asked for: a new file gets what umask leaves, a replaced one keeps its own. */
#define ACI_FILE_MODE_UNSET (-1)

/* Reads at most `limit` bytes from `offset` on into fresh memory; the caller frees `*data`. Works
 * for files without a size, such as those of /proc. A folder is -EISDIR. */
int aci_file_read(const char *path, uint64_t offset, size_t limit, char **data, size_t *length);

/* Replaces the content in one step: readers see the old file or the new one, never half of it.
 * A link is followed, so that it stays one. What is not a regular file (a terminal, /dev/null) is
 * written in place. `mode` counts exactly, whatever umask says; `sync` waits for the disk. */
int aci_file_write(const char *path, const char *data, size_t length, int mode, bool sync);

/* Adds to the end, making the file if need be. One write call where the kernel allows it. */
int aci_file_append(const char *path, const char *data, size_t length, int mode);

/* Makes a folder and the missing ones above it. One that exists is fine and keeps its mode. */
int aci_file_make_folders(const char *path, int mode);

/* Removes a file or a folder with all in it; links are removed, not followed. Nothing there is
 * fine. */
int aci_file_remove_tree(const char *path);

/* Takes the lock on `path` without waiting and leaves the descriptor that holds it in `*fd`;
 * -EWOULDBLOCK when somebody else has it. Closing the last copy of the descriptor gives it back. */
int aci_file_lock(const char *path, int *fd);

#endif
