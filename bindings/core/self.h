/* Where the running program lies. */
#ifndef ACI_CORE_SELF_H
#define ACI_CORE_SELF_H

#include <stdbool.h>
#include <stddef.h>

/* Its absolute path without links; works in a chroot without /proc too, as long as it was started
 * by its path. False, and an empty text, when it cannot be told. */
bool aci_self_path(char *path, size_t size);

#endif
