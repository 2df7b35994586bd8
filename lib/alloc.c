// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// alloc.c - the private heap of a domain, see alloc.h: one struct heap, opened by its first user, and a lock round it.
#include "alloc.h"
#include "clock.h"
#include "domain.h"
#include "public.h"
#include "string.h"
#include "thread.h"
#include "tlsf.h"

#define CONTENDED_NS 20000        // the holder was preempted: time enough for it to finish

// volatile: the heap lies beyond the reach of RIP-relative code, so its bounds must stay data.
static char *const volatile heap_bounds[2] = {domain_heap_start, domain_heap_end};

static struct {
    volatile uint32_t lock;
    bool ready;
    struct heap heap;
} private;

static void heap_lock(void) {
    uint32_t free = 0;
    while (!__atomic_compare_exchange_n(&private.lock, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        int ignored = thread_sleep_until(time_now_ns() + CONTENDED_NS); // sleeping lets a holder of any priority run
        (void)ignored;
        free = 0;
    }
    if (!private.ready) {
        private.ready = true;
        region_open(&private.heap, (uintptr_t)heap_bounds[0], (uintptr_t)heap_bounds[1] - (uintptr_t)heap_bounds[0]);
    }
}

static void heap_unlock(void) { __atomic_store_n(&private.lock, 0, __ATOMIC_RELEASE); }

void *heap_alloc(size_t bytes) {
    heap_lock();
    void *address = block_new(&private.heap, bytes);
    heap_unlock();
    return address;
}

void *heap_zalloc(size_t bytes) {
    void *address = heap_alloc(bytes);
    if (address)
        memset(address, 0, bytes);
    return address;
}

void heap_free(void *address) {
    if (!address)
        return;
    heap_lock();
    block_end(&private.heap, address);
    heap_unlock();
}

// Grows block in place into a free neighbour, or cuts it. False when it must move.
static bool block_resize(struct heap *heap, struct heap_block *block, size_t wanted) {
    struct heap_block *after = block_after(block);
    size_t here = payload_of(block);
    if (wanted > here) {
        if (!(after->word & FREE) || here + HEADER_BYTES + payload_of(after) < wanted)
            return false;
        list_remove(heap, after);
        block->word += HEADER_BYTES + payload_of(after);
    }
    heap->statistics.used_bytes -= here + HEADER_BYTES;
    block_cut(heap, block, wanted);
    count_in(heap, block, 0);
    return true;
}

void *heap_realloc(void *address, size_t bytes) {
    if (!address)
        return heap_alloc(bytes);
    size_t wanted = payload_for(bytes);
    if (!wanted)
        return NULL;
    heap_lock();
    struct heap_block *block = live_block(&private.heap, address);
    size_t here = payload_of(block);
    bool in_place = block_resize(&private.heap, block, wanted);
    heap_unlock();
    if (in_place)
        return address;
    void *moved = heap_alloc(bytes);
    if (moved) {
        memcpy(moved, address, here < bytes ? here : bytes);
        heap_free(address);
    }
    return moved;
}

size_t heap_room(const void *address) {
    return payload_of(live_block(&private.heap, address));
}

struct heap_statistics heap_statistics(void) {
    heap_lock();
    struct heap_statistics now = private.heap.statistics;
    heap_unlock();
    return now;
}
