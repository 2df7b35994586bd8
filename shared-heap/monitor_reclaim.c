// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_reclaim.c - a domain died: what becomes of the objects that it owned, had lent, and had borrowed.
//
// What was lent is in the lenders' own memory (client.h: lends), which they can write: it is read once, and believed only so far
// as the owner table agrees. A domain that lies there keeps objects of its own from being freed until its threads are gone, or
// has its own marked as untrusted.
// Invariant: an orphan is listed here once for each loan of it, and freed with the last.
#include "heap_monitor.h"
#include "client.h"
#include "nucleus.h"

#define LENT_MAX (THREAD_MAX * LENDS_MAX)

static struct orphan { uint32_t granule, thread; } orphans[LENT_MAX];
static uint32_t orphan_count, reclaimed[DOMAIN_MAX];
static struct lends loans;           // of one thread of one domain, read once

// What domain says that it has lent on thread; false when it keeps no such records.
static bool read_loans(uint32_t domain, uint32_t thread) {
    uintptr_t place = domain_table[domain].lends;
    if (!place || nucleus_memory_read(place + thread * sizeof loans, &loans, sizeof loans)) return false;
    return loans.count <= LENDS_MAX;
}

static uint8_t owner_of(uint32_t granule) { return granule < XHEAP_GRANULES ? xheap_entry_owner(owner_table[granule].owner_link) : 0; }

// listed: where the orphans of this domain begin in the list.
static void orphan_lent(uint32_t domain, uint32_t thread, uint32_t listed) {
    if (!read_loans(domain, thread)) return;
    for (uint32_t i = 0; i < loans.count; i++) {
        uint32_t granule = loans.granule[i];
        bool mine = owner_of(granule) == domain;
        for (uint32_t o = listed; o < orphan_count; o++) mine |= orphans[o].granule == granule; // lent twice
        if (!mine || orphan_count == LENT_MAX) continue;
        heap_entry(granule)->owner_link = (uint32_t)XHEAP_ORPHAN << 24 | xheap_entry_link(owner_table[granule].owner_link);
        heap_entry(granule)->generation++;
        orphans[orphan_count++] = (struct orphan){granule, thread};
    }
}

static void distrust_borrowed(uint32_t dead, uint32_t thread) {
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        if (d == dead || !read_loans(d, thread)) continue;
        for (uint32_t i = 0; i < loans.count; i++)
            if (owner_of(loans.granule[i]) == d) heap_entry(loans.granule[i])->owner_link |= XHEAP_UNTRUSTED;
    }
}

// Who owns it pays for it from now on.
static void move_charge(uint32_t granule, uint32_t owner) {
    struct heap_account *from = &heap_account[heap_charged[granule]], *to = &heap_account[owner];
    uint32_t bytes = XHEAP_GRANULE_BYTES << heap_class(granule);
    from->bytes -= bytes, from->objects--;
    to->bytes += bytes, to->objects++;
    heap_charged[granule] = (uint8_t)owner;
}

uint32_t heap_reclaim(uint32_t domain, uint32_t generation, uint64_t inside) {
    if (domain < DOMAIN_FIRST || domain >= domain_count || generation <= reclaimed[domain]) return 0;
    reclaimed[domain] = generation;
    const uint32_t listed = orphan_count;
    for (uint32_t thread = 0; thread < THREAD_MAX; thread++) {
        orphan_lent(domain, thread, listed);
        if (inside >> thread & 1) distrust_borrowed(domain, thread);
    }
    uint32_t freed = 0;
    for (uint32_t chunk = 0; chunk < XHEAP_CHUNKS && chunk_class[chunk]; chunk++)
        for (uint32_t i = 0; i < XHEAP_CHUNK_GRANULES; i += 1u << (chunk_class[chunk] - 1)) {
            uint32_t granule = chunk * XHEAP_CHUNK_GRANULES + i, root = granule;
            uint8_t owner = owner_of(granule);
            if (owner == XHEAP_CHILD) owner = owner_of(root = xheap_entry_link(owner_table[granule].owner_link));
            if (owner == domain && root == granule) freed += 1 + (owner_table[granule].owner_link & 0xff), heap_take_back(granule);
            else if (owner && owner < DOMAIN_MAX && owner != domain && heap_charged[granule] == domain) move_charge(granule, owner);
        }
    return freed;
}

uint32_t heap_orphans_drop(uint32_t thread) {
    uint32_t freed = 0;
    for (uint32_t o = 0; o < orphan_count;) {
        if (orphans[o].thread != thread) {
            o++;
            continue;
        }
        uint32_t granule = orphans[o].granule;
        orphans[o] = orphans[--orphan_count];
        bool last = true;
        for (uint32_t other = 0; other < orphan_count; other++) last &= orphans[other].granule != granule;
        if (last) freed += 1 + (owner_table[granule].owner_link & 0xff), heap_take_back(granule);
    }
    return freed;
}
