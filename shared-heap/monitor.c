// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor.c - the monitor's half of the exchange heap: who owns what, in the owner table that only it can write.
//
//   xheap_refill, xheap_drain   move objects between the free lists here and a domain's cache, in batches
//
// Invariant: a granule's entry has an owner exactly while it is the first granule of an object that some domain holds;
// free objects are on the list of their class. It does not shrink: a chunk keeps its class for ever.
#include "monitor.h"
#include "string.h"
#include "xheap.h"

#define CHUNKS (ARENA_BYTES / XHEAP_CHUNK_BYTES)
#define GRANULES (ARENA_BYTES / XHEAP_GRANULE_BYTES)
#define QUOTA_BYTES (ARENA_BYTES / 4 * 3) // no domain alone can starve the others
#define REFILL_BYTES_MAX 131072           // what one refill zeroes with ticks waiting

static uint32_t next_free[GRANULES];
static uint32_t free_head[XHEAP_CLASSES];
static uint32_t chunks_used;
static uint8_t charged[GRANULES];         // who took the object from here: its quota pays until it comes back
static uint64_t charged_bytes[DOMAIN_MAX];

const uint64_t xheap_quota_bytes = QUOTA_BYTES;
uint64_t xheap_charged_bytes(uint32_t domain) { return charged_bytes[domain]; }

// gates: core/gates/frame_asm.h
_Static_assert(__builtin_offsetof(struct xheap_owner, owner) == 6 && sizeof(struct xheap_owner) == 8, "frame_asm.h");
_Static_assert(__builtin_offsetof(struct give_list, object) == 8 && __builtin_offsetof(struct public, given) == 2968, "give.S, frame_asm.h");

static struct xheap_owner *table(uint32_t granule) { return (struct xheap_owner *)(uintptr_t)&owner_table[granule]; }

static bool open_chunk(uint32_t size_class) {
    if (chunks_used == CHUNKS) return false;
    uint32_t chunk = chunks_used++, step = 1u << size_class, first = chunk * (XHEAP_CHUNK_BYTES / XHEAP_GRANULE_BYTES);
    *(uint8_t *)(uintptr_t)&chunk_class[chunk] = (uint8_t)(size_class + 1);
    for (uint32_t g = first + XHEAP_CHUNK_BYTES / XHEAP_GRANULE_BYTES - step;; g -= step) {
        next_free[g] = free_head[size_class];
        free_head[size_class] = g + 1; // 0 = end of list
        if (g == first) return true;
    }
}

int xheap_refill(uint32_t size_class, uint32_t count) {
    uint32_t caller = monitor_caller();
    if (size_class >= XHEAP_CLASSES || !count || count > XHEAP_BATCH) return -EINVAL;
    uint32_t bytes = XHEAP_GRANULE_BYTES << size_class, most = REFILL_BYTES_MAX / bytes;
    if (count > most) count = most;
    struct give_list *list = &public_writable()->given[public_area.cpu.thread];
    uint32_t done = 0;
    for (; done < count && charged_bytes[caller] + bytes <= QUOTA_BYTES; done++) {
        if (!free_head[size_class] && !open_chunk(size_class)) break;
        uint32_t granule = free_head[size_class] - 1;
        free_head[size_class] = next_free[granule];
        char *object = arena + (uint64_t)granule * XHEAP_GRANULE_BYTES;
        memset(object, 0, bytes);
        struct xheap_owner *entry = table(granule);
        *entry = (struct xheap_owner){.generation = entry->generation + 1, .granules = (uint16_t)(1u << size_class), .owner = (uint8_t)caller};
        charged[granule] = (uint8_t)caller;
        charged_bytes[caller] += bytes;
        list->object[done] = (uint64_t)object;
    }
    list->count = done;
    return done ? (int)done : -ENOMEM;
}

// Takes granule back from caller; false when it is not the first of an object of its.
static bool take_back(uint32_t caller, uint32_t granule) {
    if (granule >= GRANULES || owner_table[granule].owner != caller) return false;
    struct xheap_owner *entry = table(granule);
    uint32_t size_class = chunk_class[granule / (XHEAP_CHUNK_BYTES / XHEAP_GRANULE_BYTES)] - 1u;
    entry->owner = 0;
    entry->generation++;
    charged_bytes[charged[granule]] -= XHEAP_GRANULE_BYTES << size_class;
    next_free[granule] = free_head[size_class];
    free_head[size_class] = granule + 1;
    return true;
}

int xheap_drain(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    uint32_t caller = monitor_caller(), named = 0, done = 0;
    const uint64_t words[XHEAP_DRAIN_WORDS] = {a, b, c, d, e, f};
    for (uint32_t i = 0; i < XHEAP_DRAIN_BATCH; i++) {
        uint32_t number = words[i / 3] >> i % 3 * XHEAP_DRAIN_BITS & ((1u << XHEAP_DRAIN_BITS) - 1);
        if (!number) continue;
        named++;
        done += take_back(caller, number - 1);
    }
    return done == named ? (int)done : -EPERM;
}
