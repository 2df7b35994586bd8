// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// objects.c - what each object is doing, for people: the owner table's word, and, as far as only the owner knows it
// (in a cache, lent, allocated where), the owner's.
//
// What a domain says is read once, through the nucleus, and ends up in no decision.
#include "client.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "symbols.h"

uint64_t heap_origin(uint32_t granule, uint32_t owner) {
    struct origin origin;
    uintptr_t table = owner < domain_count ? domain_table[owner].origins : 0;
    if (!table || nucleus_memory_read(table + granule * sizeof origin, &origin, sizeof origin)) return 0;
    struct view view = view_of(address_of(granule));
    if (!origin.site || origin.generation != generation_of(&view)) return 0;
    bool is_stub = symbol_is_generated(TEXT_BASE + origin.site - 1) &&
        !symbol_is_generated(TEXT_BASE + origin.above - 1);
    return TEXT_BASE + (is_stub ? origin.above : origin.site);
}

static struct lends lent[THREAD_MAX];    // of one domain

static void read_lends(uint32_t domain) {
    uintptr_t place = domain_table[domain].lends;
    bool is_read = place && !nucleus_memory_read(place, lent, sizeof lent);
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        if (!is_read || lent[t].count > LENDS_MAX) lent[t].count = 0;
}

static bool is_listed(uint32_t granule) {
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        for (uint32_t i = 0; i < lent[t].count; i++)
            if (lent[t].granule[i] == granule) return true;
    return false;
}

static uint32_t state_of(const struct view *view) {
    if (is_listed(view->root)) return SYSTEM_OBJECT_LENT;
    uintptr_t table = domain_table[view->owner].local_state;
    uint16_t word = LOCAL_USED;
    if (table && nucleus_memory_read(table + view->root * sizeof word, &word, sizeof word)) word = LOCAL_USED;
    return word & LOCAL_USED ? SYSTEM_OBJECT_USED : SYSTEM_OBJECT_CACHED;
}

int heap_objects(uint32_t first, struct system_object *rows, size_t max) {
    uint32_t chunk = first / XHEAP_CHUNK_GRANULES, count = 0, known = 0;
    if (chunk >= XHEAP_CHUNKS) return -EINVAL;
    if (!chunk_class[chunk]) return 0;
    uint32_t step = 1u << heap_class(first), end = (chunk + 1) * XHEAP_CHUNK_GRANULES;
    for (uint32_t granule = (first + step - 1) / step * step; granule < end && count < max; granule += step) {
        struct view view = view_of(address_of(granule));
        if (!view.owner) continue;
        struct system_object row = {.granule = granule, .bytes = XHEAP_GRANULE_BYTES * step, .owner = view.owner,
            .payer = heap_charged[granule]};
        if (view.owner < domain_count) {
            if (known != view.owner) read_lends(known = view.owner);
            row.state = state_of(&view);
        }
        uint64_t origin = heap_origin(granule, view.owner);
        if (origin) symbol_site(row.site, sizeof row.site, origin - 1);
        rows[count++] = row;
    }
    return (int)count;
}
