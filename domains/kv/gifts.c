// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gifts.c - see gifts.h.
#include "gifts.h"
#include "alloc.h"
#include "copy.h"
#include "xheap.h"

static void object_free(char *object) {
    int result = xheap_free(object);
    (void)result; // ours, and nobody borrows it
}

// One more, with room for wanted bytes if an object can have them.
static bool add(struct gifts *gifts, size_t wanted) {
    struct gift *gift = heap_alloc(sizeof(*gift));
    uint32_t room = wanted < XHEAP_OBJECT_MAX ? (uint32_t)wanted : XHEAP_OBJECT_MAX;
    char *object = gift ? xheap_alloc(room) : NULL;
    if (!object) {
        heap_free(gift);
        return false;
    }
    *gift = (struct gift){.object = object, .room = room};
    *(gifts->last ? &gifts->last->next : &gifts->first) = gift;
    gifts->last = gift;
    return true;
}

bool gifts_add(struct gifts *gifts, bool before, const struct gift_part *parts, size_t count, size_t limit) {
    struct gifts added = {0};
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += parts[i].bytes;
    if (left > limit || gifts->bytes > limit - left)
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t done = 0, part; done < parts[i].bytes; done += part, left -= part) {
            if ((!added.last || added.last->bytes == added.last->room) && !add(&added, left)) {
                gifts_clear(&added);
                return false;
            }
            size_t room = added.last->room - added.last->bytes;
            part = parts[i].bytes - done < room ? parts[i].bytes - done : room;
            copy_data(added.last->object + added.last->bytes, (const char *)parts[i].data + done, part);
            added.last->bytes += (uint32_t)part;
            added.bytes += part;
        }
    struct gifts *one = before ? &added : gifts, *other = before ? gifts : &added;
    if (one->last)
        one->last->next = other->first;
    *gifts = (struct gifts){.first = one->first ? one->first : other->first,
                            .last = other->last ? other->last : one->last,
                            .bytes = one->bytes + other->bytes};
    return true;
}

char *gifts_take(struct gifts *gifts, uint32_t *bytes) {
    struct gift *gift = gifts->first;
    char *object = gift->object;
    *bytes = gift->bytes;
    gifts->bytes -= gift->bytes;
    gifts->first = gift->next;
    if (!gift->next)
        gifts->last = NULL;
    heap_free(gift);
    return object;
}

void gifts_clear(struct gifts *gifts) {
    uint32_t bytes;
    while (gifts->first)
        object_free(gifts_take(gifts, &bytes));
}
