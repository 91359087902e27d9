/* The members of an object, to be written in the order of their names (by bytes, which is the order
 * of code points). A stack: those of an inner object lie above those of the outer one. */
#ifndef ACI_CORE_MEMBERS_H
#define ACI_CORE_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct aci_member {
    uint64_t prefix;  /* eight bytes of the name, to compare at once */
    const char *name; /* somebody else's */
    size_t length;
    int slot; /* the owner's: where the value is */
} aci_member;

/* A zeroed one is empty. */
typedef struct aci_members {
    aci_member *list;
    size_t count, room;
} aci_members;

/* Add one on top; NULL without memory. What it points to may move with the next one. */
aci_member *aci_members_add(aci_members *members, const char *name, size_t length);

/* Sort those from `first` to the top by name. */
void aci_members_sort(aci_members *members, size_t first);

/* Below 0, 0 or above it, as memcmp. Of sorted members only: compares their prefixes. */
int aci_members_compare(const aci_member *a, const aci_member *b);

void aci_members_free(aci_members *members); /* idempotent; not the struct itself */

#endif
