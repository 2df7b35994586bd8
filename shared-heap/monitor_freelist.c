// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_freelist.c - free objects, a list per size class, linked by granule number outside the objects.
//
// Invariant: a granule is on at most one list, once; every list ends.
#include "heap_monitor.h"

uint32_t heap_next[XHEAP_GRANULES];
static uint32_t free_head[XHEAP_CLASSES];

void freelist_push(uint32_t size_class, uint32_t granule) {
    heap_next[granule] = free_head[size_class];
    free_head[size_class] = granule + 1;
}

uint32_t freelist_pop(uint32_t size_class) {
    uint32_t head = free_head[size_class];
    if (!head) return 0;
    free_head[size_class] = heap_next[head - 1];
    heap_next[head - 1] = 0;
    return head;
}
