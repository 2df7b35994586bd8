// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.c - a domain's half of the exchange heap: cache, lend records, checks.
//
// Linked privately into each domain that uses the heap; the state here is that domain's own memory. The lock is the
// domain's: components of one domain share this copy.
// Invariant: a cached object is owned by this domain in the owner table and its bit in cached[] is set.
#include "client.h"
#include "domain.h"
#include "string.h"
#include "thread.h"

#define CACHE_MAX 64
#define GRANULES (ARENA_BYTES / XHEAP_GRANULE_BYTES)
#define LENDS_MAX 128

static struct cache { uint32_t count; void *object[CACHE_MAX]; } caches[XHEAP_CLASSES];
static uint64_t cached[GRANULES / 64];
static struct lend { uint32_t granule, count; } lends[LENDS_MAX];
static uint32_t lend_count;
static struct component_lock lock = {.event = EVENT_MAX - 1}; // the libraries' event: spurious wake-ups are harmless

void client_lock(void) { int error = component_lock_acquire(&lock); (void)error; }
void client_unlock(void) { component_lock_release(&lock); }

static uint32_t granule_of(const void *address) { return (uint32_t)(((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES); }

// First granule of the object that contains address, or GRANULES.
static uint32_t object_of(const void *address) {
    if (!xheap_contains(address)) return GRANULES;
    uint64_t offset = (uintptr_t)address - ARENA_BASE;
    uint8_t size_class = chunk_class[offset / XHEAP_CHUNK_BYTES];
    if (!size_class) return GRANULES;
    return (uint32_t)((offset & ~(((uint64_t)XHEAP_GRANULE_BYTES << (size_class - 1)) - 1)) / XHEAP_GRANULE_BYTES);
}

static void *address_of(uint32_t granule) { return arena + (uint64_t)granule * XHEAP_GRANULE_BYTES; }
static bool is_cached(uint32_t granule) { return cached[granule / 64] >> (granule % 64) & 1; }

static struct lend *lend_of(uint32_t granule) {
    for (uint32_t i = 0; i < lend_count; i++)
        if (lends[i].granule == granule) return &lends[i];
    return NULL;
}

static uint32_t class_of(size_t bytes) {
    uint32_t size_class = 0;
    while (((size_t)XHEAP_GRANULE_BYTES << size_class) < bytes) size_class++;
    return size_class;
}

static void put(struct cache *cache, void *object) {
    uint32_t granule = granule_of(object);
    cached[granule / 64] |= 1ull << (granule % 64);
    cache->object[cache->count++] = object;
}

void *xheap_alloc(size_t bytes) {
    if (!bytes || bytes > XHEAP_OBJECT_MAX) return NULL;
    uint32_t size_class = class_of(bytes);
    struct cache *cache = &caches[size_class];
    client_lock();
    if (!cache->count) {
        int got = xheap_refill(size_class, XHEAP_BATCH);
        for (int i = 0; i < got; i++) put(cache, (void *)public_area.given[thread_self()].object[i]);
    }
    void *object = NULL;
    if (cache->count) {
        object = cache->object[--cache->count];
        uint32_t granule = granule_of(object);
        cached[granule / 64] &= ~(1ull << (granule % 64));
    }
    client_unlock();
    return object;
}

// Half of a full cache goes back; the list of their addresses lies in the first of them.
static void drain(struct cache *cache) {
    uint64_t *list = cache->object[cache->count - 1];
    uint64_t taken[XHEAP_BATCH];
    for (uint32_t i = 0; i < XHEAP_BATCH; i++) {
        void *object = cache->object[--cache->count];
        uint32_t granule = granule_of(object);
        cached[granule / 64] &= ~(1ull << (granule % 64));
        taken[i] = (uint64_t)object;
    }
    memcpy(list, taken, sizeof taken);
    int error = xheap_drain((uint64_t)list, XHEAP_BATCH);
    (void)error; // the monitor takes back what is ours; another owner's object never gets into the cache
}

// 0 when this domain may part with the object that starts at address.
static int may_part(const void *address, uint32_t *granule) {
    *granule = object_of(address);
    if (*granule == GRANULES || address_of(*granule) != address) return -EINVAL;
    uint8_t owner = owner_table[*granule].owner;
    if (!owner) return -ESTALE; // back with the monitor
    if (owner != domain_self) return -EPERM;
    if (is_cached(*granule)) return -ESTALE;
    return lend_of(*granule) ? -EBUSY : 0;
}

int xheap_free(void *address) {
    uint32_t granule;
    client_lock();
    int error = may_part(address, &granule);
    if (!error) {
        struct cache *cache = &caches[chunk_class[((uintptr_t)address - ARENA_BASE) / XHEAP_CHUNK_BYTES] - 1];
        if (cache->count == CACHE_MAX) drain(cache);
        put(cache, address);
    }
    client_unlock();
    return error;
}

size_t xheap_room(const void *address) {
    uint32_t granule = object_of(address);
    if (granule == GRANULES || !owner_table[granule].owner) return 0;
    return (size_t)owner_table[granule].granules * XHEAP_GRANULE_BYTES - (size_t)((char *)address - (char *)address_of(granule));
}

uint8_t xheap_owner_of(const void *address, size_t bytes) {
    uint32_t granule = object_of(address);
    if (granule == GRANULES || bytes > xheap_room(address)) return 0;
    return owner_table[granule].owner;
}

int xheap_check(const void *address, size_t bytes) {
    uint8_t owner = xheap_owner_of(address, bytes);
    return owner && owner != domain_self ? 0 : -EFAULT;
}

int xheap_lend_begin(const void *address, size_t bytes) {
    uint8_t owner = xheap_owner_of(address, bytes);
    if (!owner) return -EFAULT;
    if (owner != domain_self) return 0; // borrowed already: its owner keeps the record
    uint32_t granule = object_of(address);
    client_lock();
    struct lend *lend = lend_of(granule);
    int error = is_cached(granule) ? -EFAULT : 0;
    if (!error && lend) lend->count++;
    else if (!error && lend_count < LENDS_MAX) lends[lend_count++] = (struct lend){granule, 1};
    else if (!error) error = -EBUSY;
    client_unlock();
    return error;
}

void xheap_lend_end(const void *address) {
    client_lock();
    struct lend *lend = lend_of(object_of(address));
    if (lend && !--lend->count) *lend = lends[--lend_count];
    client_unlock();
}

// On the way of a give gate, which checks owner and start itself: only what this domain alone knows is looked at here.
int xheap_give_begin(const void *address) {
    uint64_t granule = ((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES;
    if (granule >= GRANULES) return -EINVAL;
    if (is_cached((uint32_t)granule)) return -ESTALE;
    return lend_count && lend_of((uint32_t)granule) ? -EBUSY : 0;
}

int xheap_may_give(const void *address) {
    uint32_t granule;
    return may_part(address, &granule);
}

int xheap_give_arrived(const void *address) {
    uint32_t granule = object_of(address);
    if (granule == GRANULES || address_of(granule) != address) return -EINVAL;
    return owner_table[granule].owner == domain_self ? 0 : -EPERM;
}

xheap_handle_t xheap_handle(const void *object) {
    uint32_t granule = object_of(object);
    return granule == GRANULES ? 0 : (uint64_t)owner_table[granule].generation << 32 | granule;
}

void *xheap_resolve(xheap_handle_t handle) {
    uint32_t granule = (uint32_t)handle;
    if (granule >= GRANULES || owner_table[granule].owner != domain_self) return NULL;
    return owner_table[granule].generation == handle >> 32 ? address_of(granule) : NULL;
}
