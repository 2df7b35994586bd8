// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_reclaim.c - a domain died: what becomes of the objects that it owned, had lent, and had borrowed.
//
// What was lent is in the lenders' own memory (client.h: lends), which they can write: it is read once, and believed
// only so far as the owner table agrees. A domain that lies there keeps objects of its own from being freed, and
// charged to it, until the threads that were inside it have left, or has its own marked as untrusted.
// Invariant: an orphan's link names the domain that died; orphan_threads[] of that domain has a thread, and the last to
// leave frees all its orphans. There is no list of them that somebody could fill.
#include "heap_monitor.h"
#include "client.h"
#include "nucleus.h"

#define LINK_DOMAIN_SHIFT 8          // of an orphan's link, above the number of its children
_Static_assert((DOMAIN_MAX << LINK_DOMAIN_SHIFT & XHEAP_UNTRUSTED) == 0 && LINK_CHILDREN < 1 << LINK_DOMAIN_SHIFT,
               "an orphan's link");

static uint64_t orphan_threads[DOMAIN_MAX];
static uint32_t reclaimed[DOMAIN_MAX];
static struct lends loans;           // of one thread of one domain, read once

// What domain says that it has lent on thread; false when it keeps no such records.
static bool read_loans(uint32_t domain, uint32_t thread) {
    uintptr_t place = domain_table[domain].lends;
    if (!place || nucleus_memory_read(place + thread * sizeof loans, &loans, sizeof loans)) return false;
    return loans.count <= LENDS_MAX;
}

static uint8_t owner_of(uint32_t granule) {
    return granule < XHEAP_GRANULES ? xheap_entry_owner(owner_table[granule].owner_link) : 0;
}

static uint32_t orphan_link(uint32_t domain) { return (uint32_t)XHEAP_ORPHAN << 24 | domain << LINK_DOMAIN_SHIFT; }
#define ORPHAN_LINK_MASK ((0xffu << 24) | (0xffu << LINK_DOMAIN_SHIFT))

void heap_orphan(uint32_t granule, uint32_t domain, uint32_t thread) {
    if (owner_of(granule) == domain)
        heap_entry(granule)->owner_link = orphan_link(domain) | (owner_table[granule].owner_link & LINK_CHILDREN);
    if (owner_of(granule) == XHEAP_ORPHAN &&
        (owner_table[granule].owner_link & ORPHAN_LINK_MASK) == orphan_link(domain))
        orphan_threads[domain] |= 1ull << thread; // also when another thread has it too
}

static void orphan_lent(uint32_t domain, uint32_t thread) {
    if (!read_loans(domain, thread)) return;
    for (uint32_t i = 0; i < loans.count; i++) heap_orphan(loans.granule[i], domain, thread);
}

static void distrust_borrowed(uint32_t dead, uint32_t thread) {
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        if (d == dead || !read_loans(d, thread)) continue;
        for (uint32_t i = 0; i < loans.count; i++)
            if (owner_of(loans.granule[i]) == d) heap_entry(loans.granule[i])->owner_link |= XHEAP_UNTRUSTED;
    }
}

// Every object starts where the one before it ends, up to the first chunk without objects.
static bool is_granule(uint32_t granule) {
    return granule < XHEAP_GRANULES && chunk_class[granule / XHEAP_CHUNK_GRANULES];
}
static uint32_t granule_after(uint32_t granule) { return granule + (1u << heap_class(granule)); }

static uint32_t free_all(uint32_t link, uint32_t mask) {
    uint32_t freed = 0;
    for (uint32_t granule = 0; is_granule(granule); granule = granule_after(granule))
        if ((owner_table[granule].owner_link & mask) == link) freed += heap_take_back(granule);
    return freed;
}

// Who owns it pays for it from now on.
static void move_charges(uint32_t from) {
    for (uint32_t granule = 0; is_granule(granule); granule = granule_after(granule)) {
        uint8_t owner = owner_of(granule);
        if (owner == XHEAP_CHILD) owner = owner_of(xheap_entry_link(owner_table[granule].owner_link));
        if (!owner || owner == XHEAP_ORPHAN || heap_charged[granule] != from) continue;
        heap_uncharge(granule);
        heap_charge(granule, owner);
    }
}

uint32_t heap_reclaim(uint32_t domain, uint32_t generation, uint64_t inside) {
    if (domain < DOMAIN_FIRST || domain >= domain_count || generation <= reclaimed[domain]) return 0;
    reclaimed[domain] = generation;
    for (uint32_t thread = 0; thread < THREAD_MAX; thread++) {
        if (!(inside >> thread & 1)) continue;
        orphan_lent(domain, thread);
        distrust_borrowed(domain, thread);
    }
    heap_bury(domain, inside);
    uint32_t freed = free_all(domain << 24, 0xffu << 24);
    move_charges(domain);
    heap_keys_apply();
    return freed;
}

uint32_t heap_given_back(uint32_t thread, uint32_t edge, uint32_t caller) {
    struct give_list *list = &public_writable()->given[thread];
    uint32_t freed = 0;
    if (list->edge != edge || list->count > GIVE_MAX) return 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t granule = (list->object[i] - ARENA_BASE) / XHEAP_GRANULE_BYTES;
        if (list->object[i] && granule < XHEAP_GRANULES && owner_of((uint32_t)granule) == caller)
            freed += heap_take_back((uint32_t)granule);
    }
    list->count = 0;
    heap_keys_apply();
    return freed;
}

uint32_t heap_orphans_drop(uint32_t thread) {
    uint32_t freed = 0;
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        if (!(orphan_threads[d] >> thread & 1)) continue;
        orphan_threads[d] &= ~(1ull << thread);
        if (!orphan_threads[d]) freed += free_all(orphan_link(d), ORPHAN_LINK_MASK);
    }
    heap_keys_apply();
    return freed;
}
