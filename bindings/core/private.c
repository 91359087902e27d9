#include "private.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

/* PR_SET_DUMPABLE and not RLIMIT_CORE: children would inherit the limit, and a kernel that pipes
 * its dumps to a collector does not look at it. What it costs: strace and gdb of an ordinary user
 * see no more of the process; who needs them sets ACIHOST_DUMPABLE=1. The leak checker of a
 * sanitizer build attaches to its own process as a debugger does, so such a build stays as it is.
 */
void aci_memory_private(void) {
#if !defined(__SANITIZE_ADDRESS__) && !HAS_FEATURE(address_sanitizer)
    static bool done;
    const char *open = done ? NULL : getenv("ACIHOST_DUMPABLE");
    if (!done && !(open && *open == '1'))
        prctl(PR_SET_DUMPABLE, 0);
    done = true;
#endif
}
