// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor.c - the monitor's half of the exchange heap: who owns what, in the owner table that only it can write.
//
//   xheap_refill, xheap_drain   move objects between the free lists here and a domain's caches, in batches
//
// Invariant: a granule's entry has an owner exactly while it is the first granule of an object that some domain holds, or
// of a child or an orphan; free objects are on the list of their class. It does not shrink: a chunk keeps its class for ever.
#include "heap_monitor.h"
#include "string.h"

#define REFILL_BYTES_MAX 131072           // what one refill zeroes with ticks waiting

static uint32_t chunks_used;
uint8_t heap_charged[XHEAP_GRANULES];
struct heap_account heap_account[DOMAIN_MAX];

// gates: core/gates/frame_asm.h
_Static_assert(__builtin_offsetof(struct xheap_owner, owner_link) == 4 && sizeof(struct xheap_owner) == 8, "frame_asm.h");
_Static_assert(__builtin_offsetof(struct give_list, object) == 8 && __builtin_offsetof(struct public, given) == 2968, "give.S, frame_asm.h");

static bool open_chunk(uint32_t size_class) {
    if (chunks_used == XHEAP_CHUNKS) return false;
    uint32_t chunk = chunks_used++, step = 1u << size_class, first = chunk * XHEAP_CHUNK_GRANULES;
    *(uint8_t *)(uintptr_t)&chunk_class[chunk] = (uint8_t)(size_class + 1);
    for (uint32_t granule = first + XHEAP_CHUNK_GRANULES - step;; granule -= step) {
        freelist_push(size_class, granule);
        if (granule == first) return true;
    }
}

void heap_charge(uint32_t granule, uint32_t domain) {
    struct heap_account *account = &heap_account[domain];
    heap_charged[granule] = (uint8_t)domain;
    account->bytes += XHEAP_GRANULE_BYTES << heap_class(granule);
    account->objects++;
    if (account->bytes > account->most_bytes) account->most_bytes = account->bytes;
    if (account->objects > account->most_objects) account->most_objects = account->objects;
}

void heap_uncharge(uint32_t granule) {
    heap_account[heap_charged[granule]].bytes -= XHEAP_GRANULE_BYTES << heap_class(granule);
    heap_account[heap_charged[granule]].objects--;
}

int xheap_refill(uint32_t size_class, uint32_t count) {
    uint32_t caller = monitor_caller();
    if (size_class - XHEAP_SMALLEST_CLASS >= XHEAP_CLASSES - XHEAP_SMALLEST_CLASS) return -EINVAL;
    if (!count || count > XHEAP_BATCH) return -EINVAL;
    uint32_t bytes = XHEAP_GRANULE_BYTES << size_class, most = REFILL_BYTES_MAX / bytes, done = 0;
    if (count > most) count = most;
    struct heap_account *account = &heap_account[caller];
    const struct domain *domain = &domain_table[caller];
    struct give_list *list = &public_writable()->given[public_area.cpu.thread];
    for (; done < count; done++) {
        if (account->bytes + bytes > domain->shared_bytes_max || account->objects >= domain->shared_objects_max) {
            account->refusals++;
            break;
        }
        uint32_t head = freelist_pop(size_class);
        if (!head && open_chunk(size_class)) head = freelist_pop(size_class);
        if (!head) break;
        char *object = arena + (uint64_t)(head - 1) * XHEAP_GRANULE_BYTES;
        memset(object, 0, bytes);
        struct xheap_owner *entry = heap_entry(head - 1);
        entry->generation++;
        entry->owner_link = caller << 24;
        heap_settle(head - 1);
        heap_charge(head - 1, caller);
        list->object[done] = (uint64_t)object;
    }
    heap_keys_apply();
    list->count = done;
    return done ? (int)done : -ENOMEM;
}

static void take_one(uint32_t granule) {
    heap_entry(granule)->owner_link = 0;
    heap_settle(granule);
    heap_uncharge(granule);
    freelist_push(heap_class(granule), granule);
}

uint32_t heap_take_back(uint32_t granule) {
    uint32_t taken = 1, generation = ++heap_entry(granule)->generation;
    for (uint32_t child = heap_next[granule], next; child; child = next, taken++) {
        next = heap_next[child - 1];
        heap_entry(child - 1)->generation += generation;
        take_one(child - 1);
    }
    take_one(granule);
    return taken;
}

int xheap_drain(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    uint32_t caller = monitor_caller(), named = 0, done = 0;
    const uint64_t words[] = {a, b, c, d, e, f};
    for (uint32_t i = 0; i < XHEAP_DRAIN_BATCH; i++) {
        uint32_t number = xheap_named(words, i);
        if (!number) continue;
        named++;
        if (number > XHEAP_GRANULES || xheap_entry_owner(owner_table[number - 1].owner_link) != caller ||
            heap_is_lent(number - 1)) {
            misuse_refused(XHEAP_DRAIN, number - 1);
            continue;
        }
        heap_take_back(number - 1);
        done++;
    }
    heap_keys_apply();
    return done == named ? (int)done : -EPERM;
}
