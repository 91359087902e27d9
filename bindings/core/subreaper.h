/* Being the parent of orphans. */
#ifndef ACI_SUBREAPER_H
#define ACI_SUBREAPER_H

/* Orphans among our descendants become our children, and the loop collects them when they end.
 * 0 or a negative errno; a second call does nothing. */
int aci_become_subreaper(void);

/* Collects those that have ended now; only in a subreaper, elsewhere another part of the program
 * (popen) may be waiting for its child. */
void aci_subreaper_collect(void);

#endif
