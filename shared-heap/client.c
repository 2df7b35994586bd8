// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.c - a domain's half of the exchange heap: cache, lend records, checks.
//
// Linked privately into each domain that uses the heap; the state here is that domain's own memory. The lock is the
// domain's: components of one domain share this copy.
// Invariant: a cached object is owned by this domain in the owner table and its bit in cached[] is set; no object is cached
// and lent. Lending takes no lock: each thread has its own stack of records, which only it writes. So freeing marks first and
// then looks for records, lending records first and then looks for the mark: one of two threads that do both at once
// sees the other. On one CPU the order of the instructions is enough; with several each side needs a full fence in between.
#include "client.h"
#include "domain.h"
#include "string.h"
#include "thread.h"

#define CACHE_MAX 64
#define GRANULES (ARENA_BYTES / XHEAP_GRANULE_BYTES)
#define LENDS_MAX 63              // per thread: six arguments, ten calls deep

static struct cache { uint32_t count; void *object[CACHE_MAX]; } caches[XHEAP_CLASSES];
static uint64_t cached[GRANULES / 64];
static struct lends { volatile uint32_t count, granule[LENDS_MAX]; } lends[THREAD_MAX];
static volatile uint64_t lenders; // bit = thread that ever lent
_Static_assert(THREAD_MAX <= 64, "a bit per thread");
static struct component_lock lock = {.event = EVENT_MAX - 1}; // the libraries' event: spurious wake-ups are harmless

void client_lock(void) { int error = component_lock_acquire(&lock); (void)error; }
void client_unlock(void) { component_lock_release(&lock); }

static uint32_t granule_of(const void *address) { return (uint32_t)(((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES); }

static inline void order(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

// The object that contains address: all zero when no live one does. Every object of a chunk has the chunk's size.
struct view { uint32_t granule; uint8_t owner; size_t room; };
static inline struct view view_of(const void *address) {
    uint64_t offset = (uintptr_t)address - ARENA_BASE;
    uint8_t size_class = offset < ARENA_BYTES ? chunk_class[offset / XHEAP_CHUNK_BYTES] : 0;
    if (!size_class) return (struct view){0};
    uint64_t bytes = (uint64_t)XHEAP_GRANULE_BYTES << (size_class - 1), inside = offset & (bytes - 1);
    uint32_t granule = (uint32_t)((offset - inside) / XHEAP_GRANULE_BYTES);
    return (struct view){granule, owner_table[granule].owner, bytes - inside};
}

static void *address_of(uint32_t granule) { return arena + (uint64_t)granule * XHEAP_GRANULE_BYTES; }
static bool is_cached(uint32_t granule) { return cached[granule / 64] >> (granule % 64) & 1; }
static void mark(uint32_t granule) { cached[granule / 64] |= 1ull << (granule % 64); }
static void unmark(uint32_t granule) { cached[granule / 64] &= ~(1ull << (granule % 64)); }

static bool is_lent(uint32_t granule) {
    for (uint64_t left = lenders; left; left &= left - 1) {
        const struct lends *of = &lends[__builtin_ctzll(left)];
        for (uint32_t i = of->count; i-- > 0;)
            if (of->granule[i] == granule) return true;
    }
    return false;
}

static uint32_t class_of(size_t bytes) {
    uint32_t size_class = 0;
    while (((size_t)XHEAP_GRANULE_BYTES << size_class) < bytes) size_class++;
    return size_class;
}

static void put(struct cache *cache, void *object) {
    mark(granule_of(object));
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
        unmark(granule_of(object));
    }
    client_unlock();
    return object;
}

_Static_assert(GRANULES < 1 << XHEAP_DRAIN_BITS && 3 * XHEAP_DRAIN_BITS <= 64, "three granules in a word");
_Static_assert(XHEAP_DRAIN_BATCH <= CACHE_MAX, "a full cache holds a batch");

// A part of a full cache goes back.
static void drain(struct cache *cache) {
    uint64_t words[XHEAP_DRAIN_WORDS] = {0};
    for (uint32_t i = 0; i < XHEAP_DRAIN_BATCH; i++) {
        uint32_t granule = granule_of(cache->object[--cache->count]);
        unmark(granule);
        words[i / 3] |= (uint64_t)(granule + 1) << i % 3 * XHEAP_DRAIN_BITS;
    }
    int error = xheap_drain(words[0], words[1], words[2], words[3], words[4], words[5]);
    (void)error; // the monitor takes back what is ours; another owner's object never gets into the cache
}

// 0 when this domain may part with the object that starts at address, but for its being lent.
static int may_part(const void *address, uint32_t *granule) {
    struct view view = view_of(address);
    *granule = view.granule;
    if (!view.room || address_of(view.granule) != address) return -EINVAL;
    if (!view.owner) return -ESTALE; // back with the monitor
    if (view.owner != domain_self) return -EPERM;
    return is_cached(view.granule) ? -ESTALE : 0;
}

int xheap_free(void *address) {
    uint32_t granule;
    client_lock();
    int error = may_part(address, &granule);
    if (!error) {
        mark(granule);
        order();
        if (is_lent(granule)) unmark(granule), error = -EBUSY;
    }
    if (!error) {
        struct cache *cache = &caches[chunk_class[((uintptr_t)address - ARENA_BASE) / XHEAP_CHUNK_BYTES] - 1];
        if (cache->count == CACHE_MAX) drain(cache);
        put(cache, address);
    }
    client_unlock();
    return error;
}

size_t xheap_room(const void *address) {
    struct view view = view_of(address);
    return view.owner ? view.room : 0;
}

uint8_t xheap_owner_of(const void *address, size_t bytes) {
    struct view view = view_of(address);
    return bytes <= view.room ? view.owner : 0;
}

int xheap_check(const void *address, size_t bytes) {
    struct view view = view_of(address);
    return bytes <= view.room && view.owner && view.owner != domain_self ? 0 : -EFAULT;
}

int xheap_lend_begin(const void *address, size_t bytes) {
    struct view view = view_of(address);
    if (bytes > view.room || !view.owner) return -EFAULT;
    uint32_t thread = thread_self();
    struct lends *mine = &lends[thread];
    uint32_t count = mine->count;
    if (count == LENDS_MAX) return -EBUSY;
    if (!(lenders >> thread & 1)) __atomic_fetch_or(&lenders, 1ull << thread, __ATOMIC_SEQ_CST);
    mine->granule[count] = view.granule; // of what is borrowed too, so that lend_end need not ask: its owner has a record as well
    mine->count = count + 1;
    order();
    if (view.owner != domain_self || !is_cached(view.granule)) return 0;
    mine->count = count;
    return -EFAULT;
}

void xheap_lend_end(void) { lends[thread_self()].count--; }

// On the way of a give gate, which checks owner and start itself: only what this domain alone knows is looked at here.
int xheap_give_begin(const void *address) {
    uint64_t granule = ((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES;
    if (granule >= GRANULES) return -EINVAL;
    if (is_cached((uint32_t)granule)) return -ESTALE;
    return is_lent((uint32_t)granule) ? -EBUSY : 0;
}

int xheap_may_give(const void *address) {
    uint32_t granule;
    int error = may_part(address, &granule);
    return !error && is_lent(granule) ? -EBUSY : error;
}

int xheap_give_arrived(const void *address) {
    struct view view = view_of(address);
    if (!view.room || address_of(view.granule) != address) return -EINVAL;
    return view.owner == domain_self ? 0 : -EPERM;
}

xheap_handle_t xheap_handle(const void *object) {
    struct view view = view_of(object);
    return view.room ? (uint64_t)owner_table[view.granule].generation << 32 | view.granule : 0;
}

void *xheap_resolve(xheap_handle_t handle) {
    uint32_t granule = (uint32_t)handle;
    if (granule >= GRANULES || owner_table[granule].owner != domain_self) return NULL;
    return owner_table[granule].generation == handle >> 32 ? address_of(granule) : NULL;
}
