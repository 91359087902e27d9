/* The members of an object in order: see members.h. */
#include "members.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64
#define FEW 24 /* below, moving them one by one is faster than qsort */

static uint64_t prefix_of(const char *name, size_t length) {
    uint64_t prefix = 0;
    memcpy(&prefix, name, length < 8 ? length : 8);
    return be64toh(prefix);
}

aci_member *aci_members_add(aci_members *members, const char *name, size_t length) {
    if (members->count == members->room) {
        size_t room = members->room ? members->room * 2 : FIRST_ROOM;
        aci_member *list = realloc(members->list, room * sizeof *list);
        if (!list) {
            return NULL;
        }
        members->list = list;
        members->room = room;
    }
    aci_member *added = &members->list[members->count++];
    *added = (aci_member){prefix_of(name, length), name, length, 0};
    return added;
}

int aci_members_compare(const aci_member *a, const aci_member *b) {
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix ? -1 : 1;
    }
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->name, b->name, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare(const void *a, const void *b) {
    return aci_members_compare(a, b);
}

/* Names of a long list tend to begin alike: let the prefixes begin where they differ. */
static void sharpen_prefixes(aci_member *list, size_t count) {
    size_t common = list[0].length;
    for (size_t i = 1; i < count; i++) {
        size_t same = 0, most = list[i].length < common ? list[i].length : common;
        while (same < most && list[i].name[same] == list[0].name[same]) {
            same++;
        }
        common = same;
    }
    for (size_t i = 0; i < count; i++) {
        list[i].prefix = prefix_of(list[i].name + common, list[i].length - common);
    }
}

static void insertion_sort(aci_member *list, size_t count) {
    for (size_t i = 1; i < count; i++) {
        aci_member moved = list[i];
        size_t j = i;
        for (; j > 0 && aci_members_compare(&list[j - 1], &moved) > 0; j--) {
            list[j] = list[j - 1];
        }
        list[j] = moved;
    }
}

void aci_members_sort(aci_members *members, size_t first) {
    size_t count = members->count - first;
    if (count < 2) {
        return;
    }
    aci_member *list = members->list + first;
    if (count <= FEW) {
        insertion_sort(list, count);
        return;
    }
    sharpen_prefixes(list, count);
    qsort(list, count, sizeof *list, compare);
}

void aci_members_free(aci_members *members) {
    free(members->list);
    *members = (aci_members){0};
}
