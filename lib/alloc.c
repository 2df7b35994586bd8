// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// alloc.c - two-level segregated fit, see alloc.h.
//
//   block:   [payload_bytes | flags][tag][payload ............................]
//   free:    [payload_bytes | FREE ][tag][next][previous] ... [own address: the footer]
//
// Free blocks hang in one list per size class (16 classes per doubling); two levels of bitmaps find the smallest class
// that surely fits. Neighbours coalesce at once: the next block by its address, the previous one through its footer.
// Invariant: no two free blocks are neighbours; tag is TAG_LIVE ^ address in live blocks and TAG_FREE in free ones,
// also in headers that coalescing swallowed, so that a double free is found until the memory is used again.
#include <stdbool.h>
#include "alloc.h"
#include "clock.h"
#include "domain.h"
#include "invariant.h"
#include "public.h"
#include "string.h"
#include "thread.h"

#define ALIGNMENT 16
#define PAYLOAD_MIN 32            // next, previous and footer, rounded up
#define CLASS_BITS 4              // 16 classes per doubling: at most 6% lost to the search for a sure fit
#define CLASSES (1u << CLASS_BITS)
#define LINEAR_SHIFT 8            // payloads below 256 bytes: one class per 16 bytes
#define LEVELS (31 - LINEAR_SHIFT) // up to HEAP_AREA_BYTES, 1 GiB
#define FREE 1u
#define PREVIOUS_FREE 2u
#define FLAGS 15u
#define TAG_LIVE 0x5ca1ab1e0ddba115u
#define TAG_FREE 0xf9eeb10cf9eeb10cu
#define CONTENDED_NS 20000        // the holder was preempted: time enough for it to finish

struct block {
    size_t word;                  // payload bytes | flags
    uint64_t tag;
    struct block *next, *previous; // only while free
};
#define HEADER_BYTES offsetof(struct block, next)

// volatile: the heap lies beyond the reach of RIP-relative code, so its bounds must stay data.
static char *const volatile heap_bounds[2] = {domain_heap_start, domain_heap_end};

static struct {
    volatile uint32_t lock;
    bool ready;
    char *first, *end;            // first block; sentinel
    uint32_t levels;              // bit = some class of the level has a block
    uint16_t classes[LEVELS];
    struct block *lists[LEVELS][CLASSES];
    struct heap_statistics statistics;
} heap;

static size_t payload_of(const struct block *block) { return block->word & ~(size_t)FLAGS; }
static struct block *block_after(const struct block *block) {
    return (struct block *)((uintptr_t)block + HEADER_BYTES + payload_of(block));
}
static uint64_t live_tag(const struct block *block) { return TAG_LIVE ^ (uintptr_t)block; }
static void *payload(struct block *block) { return (char *)block + HEADER_BYTES; }

static void class_of(size_t bytes, unsigned *level, unsigned *class) {
    if (bytes < (1u << LINEAR_SHIFT)) {
        *level = 0;
        *class = (unsigned)(bytes / ALIGNMENT);
    } else {
        unsigned log = 63 - (unsigned)__builtin_clzl(bytes);
        *level = log - LINEAR_SHIFT + 1;
        *class = (bytes >> (log - CLASS_BITS)) & (CLASSES - 1);
    }
}

static void list_insert(struct block *block) {
    unsigned level, class;
    class_of(payload_of(block), &level, &class);
    block->tag = TAG_FREE;
    block->word |= FREE;
    block->previous = NULL;
    block->next = heap.lists[level][class];
    if (block->next)
        block->next->previous = block;
    heap.lists[level][class] = block;
    heap.classes[level] |= (uint16_t)(1u << class);
    heap.levels |= 1u << level;
    struct block *after = block_after(block);
    ((struct block **)after)[-1] = block;
    after->word |= PREVIOUS_FREE;
}

static void list_remove(struct block *block) {
    unsigned level, class;
    class_of(payload_of(block), &level, &class);
    invariant(block->tag == TAG_FREE && (block->word & FREE));
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        heap.lists[level][class] = block->next;
    if (!heap.lists[level][class] && !(heap.classes[level] &= (uint16_t)~(1u << class)))
        heap.levels &= ~(1u << level);
    block->word &= ~(size_t)FREE;
    block_after(block)->word &= ~(size_t)PREVIOUS_FREE;
}

static struct block *list_find(size_t bytes) {
    unsigned level, class;
    size_t sure = bytes;
    if (bytes >= (1u << LINEAR_SHIFT)) // every block of the class above fits; a block of bytes' own class might not
        sure += ((size_t)1 << (63 - __builtin_clzl(bytes) - CLASS_BITS)) - 1;
    class_of(sure, &level, &class);
    uint32_t classes = level < LEVELS ? heap.classes[level] & (~0u << class) : 0;
    if (!classes) {
        uint32_t levels = level + 1 < LEVELS ? heap.levels & (~0u << (level + 1)) : 0;
        if (!levels)
            return NULL;
        level = (unsigned)__builtin_ctz(levels);
        classes = heap.classes[level];
    }
    return heap.lists[level][__builtin_ctz(classes)];
}

static void heap_open(void) {
    uintptr_t start = ((uintptr_t)heap_bounds[0] + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    uintptr_t end = (uintptr_t)heap_bounds[1] & ~(uintptr_t)(ALIGNMENT - 1);
    heap.ready = true;
    heap.statistics.total_bytes = (uintptr_t)heap_bounds[1] - (uintptr_t)heap_bounds[0];
    if (end < start + 2 * HEADER_BYTES + PAYLOAD_MIN)
        return; // a domain without a heap: every allocation is refused
    heap.first = (char *)start;
    heap.end = (char *)(end - HEADER_BYTES);
    struct block *all = (struct block *)start, *sentinel = (struct block *)heap.end;
    all->word = (size_t)(heap.end - heap.first) - HEADER_BYTES;
    sentinel->word = 0;
    sentinel->tag = 0;
    list_insert(all);
}

static void heap_lock(void) {
    uint32_t free = 0;
    while (!__atomic_compare_exchange_n(&heap.lock, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        int ignored = thread_sleep_until(time_now_ns() + CONTENDED_NS); // sleeping lets a holder of any priority run
        (void)ignored;
        free = 0;
    }
    if (!heap.ready)
        heap_open();
}

static void heap_unlock(void) { __atomic_store_n(&heap.lock, 0, __ATOMIC_RELEASE); }

static struct block *live_block(const void *address) {
    struct block *block = (struct block *)((uintptr_t)address - HEADER_BYTES);
    invariant((char *)block >= heap.first && (char *)block < heap.end && (uintptr_t)address % ALIGNMENT == 0);
    invariant(block->tag == live_tag(block) && !(block->word & FREE));
    return block;
}

// Cuts block, which is in no list, to payload bytes and frees the rest when it makes a block.
static void block_cut(struct block *block, size_t bytes) {
    size_t rest = payload_of(block) - bytes;
    if (rest < HEADER_BYTES + PAYLOAD_MIN)
        return;
    block->word = bytes | (block->word & FLAGS);
    struct block *tail = block_after(block);
    tail->word = rest - HEADER_BYTES;
    struct block *after = block_after(tail);
    if (after->word & FREE) {
        list_remove(after);
        after->tag = TAG_FREE;
        tail->word += HEADER_BYTES + payload_of(after);
    }
    list_insert(tail);
}

static size_t payload_for(size_t bytes) {
    if (bytes > HEAP_AREA_BYTES)
        return 0;
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return rounded < PAYLOAD_MIN ? PAYLOAD_MIN : rounded;
}

static void count_in(const struct block *block, size_t blocks) {
    heap.statistics.used_bytes += payload_of(block) + HEADER_BYTES;
    heap.statistics.blocks += blocks;
    if (heap.statistics.used_bytes > heap.statistics.peak_bytes)
        heap.statistics.peak_bytes = heap.statistics.used_bytes;
}

void *heap_alloc(size_t bytes) {
    size_t wanted = payload_for(bytes);
    heap_lock();
    struct block *block = wanted ? list_find(wanted) : NULL;
    if (block) {
        list_remove(block);
        block_cut(block, wanted);
        block->tag = live_tag(block);
        count_in(block, 1);
    } else {
        heap.statistics.refused++;
    }
    heap_unlock();
    return block ? payload(block) : NULL;
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
    struct block *block = live_block(address), *after = block_after(block);
    heap.statistics.used_bytes -= payload_of(block) + HEADER_BYTES;
    heap.statistics.blocks--;
    block->tag = TAG_FREE;
    if (after->word & FREE) {
        list_remove(after);
        block->word += HEADER_BYTES + payload_of(after);
    }
    if (block->word & PREVIOUS_FREE) {
        struct block *before = ((struct block **)block)[-1];
        list_remove(before);
        before->word += HEADER_BYTES + payload_of(block);
        block = before;
    }
    list_insert(block);
    heap_unlock();
}

// Grows block in place into a free neighbour, or cuts it. False when it must move.
static bool block_resize(struct block *block, size_t wanted) {
    struct block *after = block_after(block);
    size_t here = payload_of(block);
    if (wanted > here) {
        if (!(after->word & FREE) || here + HEADER_BYTES + payload_of(after) < wanted)
            return false;
        list_remove(after);
        block->word += HEADER_BYTES + payload_of(after);
    }
    heap.statistics.used_bytes -= here + HEADER_BYTES;
    block_cut(block, wanted);
    count_in(block, 0);
    return true;
}

void *heap_realloc(void *address, size_t bytes) {
    if (!address)
        return heap_alloc(bytes);
    size_t wanted = payload_for(bytes);
    if (!wanted)
        return NULL;
    heap_lock();
    struct block *block = live_block(address);
    size_t here = payload_of(block);
    bool in_place = block_resize(block, wanted);
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
    return payload_of(live_block(address));
}

struct heap_statistics heap_statistics(void) {
    heap_lock();
    struct heap_statistics now = heap.statistics;
    heap_unlock();
    return now;
}
