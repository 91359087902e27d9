#include "private.h"

#include <stdbool.h>
#include <sys/prctl.h>

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

/* PR_SET_DUMPABLE and not RLIMIT_CORE: children would inherit the limit, and a kernel that pipes its dumps
 * to a collector does not look at it. What it costs: strace and gdb of an ordinary user see no more
 * of the process. The leak checker of a sanitizer build attaches to its own process as a debugger does,
 * so such a build stays as it is. */
void aci_memory_private(void) {
#if !defined(__SANITIZE_ADDRESS__) && !HAS_FEATURE(address_sanitizer)
    static bool done;
    if (!done)
        done = prctl(PR_SET_DUMPABLE, 0) == 0;
#endif
}
