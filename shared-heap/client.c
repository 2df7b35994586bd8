// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.c - a domain's half of the exchange heap: allocation, handles, and what is known about an object.
//
// Linked privately into each domain that uses the heap; components of one domain share this copy. Each thread has a cache
// (a magazine) per size class, so that allocating and freeing takes no lock and no crossing. What is freed by another thread
// than allocates comes round through the monitor, in batches.
// Invariant: an object in a magazine is owned by this domain in the owner table, is nobody's child and has none, is not lent,
// and is not in use (local_state[]).
#include "client.h"

#define MAGAZINE_MAX 63

static struct magazine { uint32_t count, granule[MAGAZINE_MAX]; } magazines[THREAD_MAX][XHEAP_CLASSES];
// Kept free per thread at most: 64 frames of 2 KiB, but only four objects of 64 KiB.
static const uint8_t keep_max[XHEAP_CLASSES] = {63, 63, 63, 63, 32, 16, 8, 4, 4};

uint16_t local_state[XHEAP_GRANULES];

_Static_assert(XHEAP_GRANULES <= 1 << 18, "handle: 32 + 14 + 18 bits");
_Static_assert(XHEAP_GRANULES < 1 << XHEAP_NUMBER_BITS && 3 * XHEAP_NUMBER_BITS <= 64, "three granules in a word");

static inline uint32_t class_of(size_t bytes) {
    return 63u - (uint32_t)__builtin_clzll((bytes - 1) | ((XHEAP_GRANULE_BYTES << XHEAP_SMALLEST_CLASS) - 1)) - 7;
}
_Static_assert(XHEAP_GRANULE_BYTES == 1 << 8, "class_of");

// What is ours goes back; another owner's object never gets here.
static void drain(const uint32_t *granules, uint32_t count) {
    uint64_t words[XHEAP_DRAIN_BATCH / 3] = {0};
    for (uint32_t i = 0; i < count; i++) xheap_name(words, i, granules[i]);
    int error = xheap_drain(words[0], words[1], words[2], words[3], words[4], words[5]);
    (void)error;
}

__attribute__((noinline)) int client_misuse(uint32_t operation, int error, const void *address, size_t bytes) {
    int told = xheap_misuse(operation, error, (uint64_t)address, bytes);
    (void)told;
    return error;
}

static int refusal(const void *address) {
    struct view view = view_of(address);
    if (!view.room || address_of(view.granule) != address) return -EINVAL;
    if (!view.owner) return -ESTALE; // back with the monitor
    if (view.owner != domain_self || view.root != view.granule) return -EPERM;
    return is_used(view.granule) ? -EBUSY : -ESTALE;
}

// Why address cannot be parted with.
__attribute__((noinline)) int client_refusal(uint32_t operation, const void *address) {
    return client_misuse(operation, refusal(address), address, 0);
}

static void drain_one(uint32_t granule) { drain(&granule, 1); }

// The slow cases are tail calls that look up everything again, so that the fast path saves no register.

static inline struct magazine *magazine(uint32_t size_class) { return &magazines[thread_self()][size_class]; }

__attribute__((noinline)) static void *alloc_refilled(size_t bytes) {
    uint32_t size_class = class_of(bytes), wanted = keep_max[size_class] / 2u + 1;
    struct magazine *mine = magazine(size_class);
    int got = xheap_refill(size_class, wanted < XHEAP_BATCH ? wanted : XHEAP_BATCH);
    if (got <= 0) return NULL;
    for (int i = 0; i < got; i++) {
        uint32_t granule = granule_of((void *)public_area.given[thread_self()].object[i]);
        local_state[granule] = 0;
        mine->granule[mine->count++] = granule;
    }
    return xheap_alloc(bytes);
}

// Its count is used up: back to the monitor, whose generation changes.
__attribute__((noinline)) static void *alloc_another(size_t bytes, uint32_t granule) {
    if (use_end(granule)) drain_one(granule);
    return xheap_alloc(bytes);
}

void *xheap_alloc(size_t bytes) {
    if (__builtin_expect(bytes - 1 >= XHEAP_OBJECT_MAX, 0)) return NULL;
    struct magazine *mine = magazine(class_of(bytes));
    uint32_t count = mine->count;
    if (__builtin_expect(!count, 0)) return alloc_refilled(bytes);
    uint32_t granule = mine->granule[count - 1];
    mine->count = count - 1;
    if (__builtin_expect((int16_t)(local_state[granule] += LOCAL_COUNT + LOCAL_USED) < 0, 0)) return alloc_another(bytes, granule);
    return address_of(granule); // in use, and the next generation
}

// A full magazine gives a part back.
__attribute__((noinline)) static int free_drained(uint32_t granule) {
    struct magazine *mine = magazine(heap_class(granule));
    uint32_t keep = keep_max[heap_class(granule)], count = keep / 2 < XHEAP_DRAIN_BATCH ? keep / 2 : XHEAP_DRAIN_BATCH;
    mine->count -= count;
    drain(&mine->granule[mine->count], count);
    mine->granule[mine->count++] = granule;
    return 0;
}

static inline int keep(uint32_t granule) {
    uint32_t size_class = heap_class(granule);
    struct magazine *mine = magazine(size_class);
    uint32_t count = mine->count;
    if (__builtin_expect(count == keep_max[size_class], 0)) return free_drained(granule);
    mine->granule[count] = granule;
    mine->count = count + 1;
    return 0;
}

// Not simply an object of ours: no such object, one that may be lent, or one with children or untrusted, which is not for a magazine.
__attribute__((noinline)) static int free_carefully(void *address) {
    if (!part_with(address)) return client_refusal(XHEAP_FREE, address);
    uint32_t granule = granule_of(address);
    if (xheap_entry_link(owner_table[granule].owner_link)) return drain_one(granule), 0;
    return keep(granule);
}

int xheap_free(void *address) {
    uint64_t offset = (uintptr_t)address - ARENA_BASE;
    uint32_t granule = (uint32_t)(offset / XHEAP_GRANULE_BYTES);
    if (__builtin_expect(offset >= ARENA_BYTES || offset % XHEAP_GRANULE_BYTES || !use_end(granule), 0))
        return client_refusal(XHEAP_FREE, address);
    client_order();
    // Looked at last: another thread could have attached a child to it until then.
    if (__builtin_expect(client_lent || owner_table[granule].owner_link != (uint32_t)domain_self << 24, 0))
        return use_begin(granule), free_carefully(address);
    return keep(granule);
}

size_t xheap_room(const void *address) {
    struct view view = view_of(address);
    return view.owner ? view.room : 0;
}

uint8_t xheap_owner_of(const void *address, size_t bytes) {
    struct view view = view_of(address);
    return bytes <= view.room ? view.owner : 0;
}

bool xheap_is_untrusted(const void *address) {
    struct view view = view_of(address);
    return view.owner && xheap_entry_link(owner_table[view.root].owner_link) & XHEAP_UNTRUSTED;
}

static uint64_t handle_of(const struct view *view) {
    return (uint64_t)generation_of(view) << 32 | (uint64_t)(local_state[view->granule] >> 1) << 18;
}

xheap_handle_t xheap_handle(const void *object) {
    struct view view = view_of(object);
    if (view.owner != domain_self || !is_used(view.root)) return 0;
    return handle_of(&view) | view.granule;
}

// No function made it: stale handles are not like this.
__attribute__((noinline)) static void *forged(xheap_handle_t handle) {
    if (handle) client_misuse(XHEAP_RESOLVE, -EINVAL, (void *)handle, 0);
    return NULL;
}

void *xheap_resolve(xheap_handle_t handle) {
    uint32_t granule = (uint32_t)handle & (XHEAP_GRANULES - 1);
    struct view view = view_of(address_of(granule));
    if (view.granule != granule) return forged(handle);
    uint64_t now = handle_of(&view) | granule;
    if (now == handle && view.owner == domain_self && is_used(view.root)) return address_of(granule);
    // Stale, or of a time that has not come yet.
    return (int32_t)((uint32_t)(handle >> 32) - (uint32_t)(now >> 32)) > 0 ? forged(handle) : NULL;
}
