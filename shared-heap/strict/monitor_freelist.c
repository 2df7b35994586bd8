// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_freelist.c - free objects in strict mode: a set of places per size class, from which the lowest is taken.
//
// The interface is that of ../monitor_freelist.c, in whose place it stands. Lists would hand out what was freed last:
// after a while neighbours are never together, and each object's pages cost a change of keys of their own.
// Invariant: a page's bit is set in one set at most, while a free object starts there; no set has one below start[].
#include "heap_monitor.h"

#define GRANULES_PER_PAGE (PAGE_BYTES / XHEAP_GRANULE_BYTES)
#define WORDS (XHEAP_GRANULES / GRANULES_PER_PAGE / 64)

uint32_t heap_next[XHEAP_GRANULES];
static uint64_t free_set[XHEAP_CLASSES][WORDS];
static uint32_t start[XHEAP_CLASSES];  // word

void freelist_push(uint32_t size_class, uint32_t granule) {
    uint32_t page = granule / GRANULES_PER_PAGE;
    free_set[size_class][page / 64] |= 1ull << page % 64;
    if (page / 64 < start[size_class]) start[size_class] = page / 64;
    heap_next[granule] = 0;
}

uint32_t freelist_pop(uint32_t size_class) {
    uint32_t *word = &start[size_class];
    while (*word < WORDS && !free_set[size_class][*word]) ++*word;
    if (*word == WORDS) return 0;
    uint64_t *set = &free_set[size_class][*word];
    uint32_t page = *word * 64 + (uint32_t)__builtin_ctzll(*set);
    *set &= *set - 1;
    return page * GRANULES_PER_PAGE + 1;
}
