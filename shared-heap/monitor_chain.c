// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_chain.c - roots and children, in the owner table.
//
// Invariant: a child's entry names its root, which has an owner and is nobody's child; the root's link counts its children,
// and heap_next[] leads through them, from the root on. A child's generation is its own plus its root's (so that giving the root
// changes all): the sum goes on from what it was when it joins, and a child that leaves keeps it. It never comes back.
#include "heap_monitor.h"

static bool is_own_root(uint32_t granule, uint32_t caller) {
    if (granule >= XHEAP_GRANULES || heap_is_lent(granule)) return false;
    return xheap_entry_owner(owner_table[granule].owner_link) == caller;
}

int xheap_join(uint64_t root, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    uint32_t caller = monitor_caller(), joined = 0;
    const uint64_t words[] = {a, b, c, d, e};
    if (root >= XHEAP_GRANULES || !is_own_root((uint32_t)root, caller)) return -EPERM;
    for (uint32_t i = 0; i < XHEAP_JOIN_BATCH; i++) {
        uint32_t number = xheap_named(words, i);
        if (!number) continue;
        if (number - 1 == root) return -EINVAL;
        if (!is_own_root(number - 1, caller) || xheap_entry_link(owner_table[number - 1].owner_link) & LINK_CHILDREN) return -EPERM;
        joined++;
    }
    struct xheap_owner *of = heap_entry((uint32_t)root);
    if ((of->owner_link & LINK_CHILDREN) + joined > XHEAP_CHILDREN_MAX) return -E2BIG;
    for (uint32_t i = 0; i < XHEAP_JOIN_BATCH; i++) {
        uint32_t number = xheap_named(words, i);
        // The same one twice: it is a child by now.
        if (!number || xheap_entry_owner(owner_table[number - 1].owner_link) != caller) continue;
        of->owner_link += 1 + (of->owner_link & XHEAP_UNTRUSTED ? 0 : owner_table[number - 1].owner_link & XHEAP_UNTRUSTED);
        heap_entry(number - 1)->generation -= of->generation;
        heap_entry(number - 1)->owner_link = (uint32_t)XHEAP_CHILD << 24 | (uint32_t)root;
        heap_next[number - 1] = heap_next[root];
        heap_next[root] = number;
    }
    return 0;
}

int xheap_part(uint64_t child) {
    uint32_t caller = monitor_caller();
    if (child >= XHEAP_GRANULES || xheap_entry_owner(owner_table[child].owner_link) != XHEAP_CHILD) return -EINVAL;
    uint32_t root = xheap_entry_link(owner_table[child].owner_link);
    if (!is_own_root(root, caller)) return -EPERM;
    uint32_t before = root;
    while (heap_next[before] != child + 1) before = heap_next[before] - 1; // at most XHEAP_CHILDREN_MAX steps
    heap_next[before] = heap_next[child];
    heap_next[child] = 0;
    struct xheap_owner *entry = heap_entry((uint32_t)child);
    entry->generation += owner_table[root].generation + 1;
    entry->owner_link = caller << 24 | (owner_table[root].owner_link & XHEAP_UNTRUSTED);
    heap_entry(root)->owner_link--;
    return 0;
}
