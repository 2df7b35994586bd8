// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tlsf.h - two-level segregated fit: what the private heap (alloc.c) and heaps over other memory (heap.c) are made of.
//
//   block:   [payload_bytes | flags][tag][payload ............................]
//   free:    [payload_bytes | FREE ][tag][next][previous] ... [own address: the footer]
//
// Free blocks hang in one list per size class (16 classes per doubling); two levels of bitmaps find the smallest class
// that surely fits. Neighbours coalesce at once: the next block by its address, the previous one through its footer.
// Invariant: no two free blocks are neighbours; tag is TAG_LIVE ^ address in live blocks and TAG_FREE in free ones,
// also in headers that coalescing swallowed, so that a double free is found until the memory is used again.
// Inline, so that for the private heap, the common one, every address is a constant. It locks nothing.
#ifndef LIB_TLSF_H
#define LIB_TLSF_H

#include "address_map_asm.h"
#include "heap.h"
#include "invariant.h"

#define ALIGNMENT 16
#define PAYLOAD_MIN 32            // next, previous and footer, rounded up
#define CLASS_BITS 4
#define LINEAR_SHIFT 8            // payloads below 256 bytes: one class per 16 bytes
#define FREE 1u
#define PREVIOUS_FREE 2u
#define FLAGS 15u
#define TAG_LIVE 0x5ca1ab1e0ddba115u
#define TAG_FREE 0xf9eeb10cf9eeb10cu

struct heap_block {
    size_t word;                  // payload bytes | flags
    uint64_t tag;
    struct heap_block *next, *previous; // only while free
};
#define HEADER_BYTES offsetof(struct heap_block, next)

_Static_assert(HEAP_CLASSES == 1 << CLASS_BITS && HEAP_CLASSES * ALIGNMENT == 1 << LINEAR_SHIFT,
               "classes are evenly spaced");
_Static_assert(HEAP_AREA_BYTES == (1ull << (LINEAR_SHIFT + HEAP_LEVELS - 1)),
               "the last level ends with the largest heap");

static inline size_t payload_of(const struct heap_block *block) { return block->word & ~(size_t)FLAGS; }
static inline struct heap_block *block_after(const struct heap_block *block) {
    return (struct heap_block *)((uintptr_t)block + HEADER_BYTES + payload_of(block));
}
static inline uint64_t live_tag(const struct heap_block *block) { return TAG_LIVE ^ (uintptr_t)block; }
static inline void *block_payload(struct heap_block *block) { return (char *)block + HEADER_BYTES; }
static inline struct heap_block *block_of(const void *address) {
    return (struct heap_block *)((uintptr_t)address - HEADER_BYTES);
}

static inline void class_of(size_t bytes, unsigned *level, unsigned *class) {
    if (bytes < (1u << LINEAR_SHIFT)) {
        *level = 0;
        *class = (unsigned)(bytes / ALIGNMENT);
    } else {
        unsigned log = 63 - (unsigned)__builtin_clzl(bytes);
        *level = log - LINEAR_SHIFT + 1;
        *class = (bytes >> (log - CLASS_BITS)) & (HEAP_CLASSES - 1);
    }
}

static inline void list_insert(struct heap *heap, struct heap_block *block) {
    unsigned level, class;
    class_of(payload_of(block), &level, &class);
    block->tag = TAG_FREE;
    block->word |= FREE;
    block->previous = NULL;
    block->next = heap->lists[level][class];
    if (block->next)
        block->next->previous = block;
    heap->lists[level][class] = block;
    heap->classes[level] |= (uint16_t)(1u << class);
    heap->levels |= 1u << level;
    struct heap_block *after = block_after(block);
    ((struct heap_block **)after)[-1] = block;
    after->word |= PREVIOUS_FREE;
}

static inline void list_remove(struct heap *heap, struct heap_block *block) {
    unsigned level, class;
    class_of(payload_of(block), &level, &class);
    invariant(block->tag == TAG_FREE && (block->word & FREE));
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        heap->lists[level][class] = block->next;
    if (!heap->lists[level][class] && !(heap->classes[level] &= (uint16_t)~(1u << class)))
        heap->levels &= ~(1u << level);
    block->word &= ~(size_t)FREE;
    block_after(block)->word &= ~(size_t)PREVIOUS_FREE;
}

static inline struct heap_block *list_find(struct heap *heap, size_t bytes) {
    unsigned level, class;
    size_t sure = bytes;
    if (bytes >= (1u << LINEAR_SHIFT)) // every block of the class above fits; a block of bytes' own class might not
        sure += ((size_t)1 << (63 - __builtin_clzl(bytes) - CLASS_BITS)) - 1;
    class_of(sure, &level, &class);
    uint32_t classes = level < HEAP_LEVELS ? heap->classes[level] & (~0u << class) : 0;
    if (!classes) {
        uint32_t levels = level + 1 < HEAP_LEVELS ? heap->levels & (~0u << (level + 1)) : 0;
        if (!levels)
            return NULL;
        level = (unsigned)__builtin_ctz(levels);
        classes = heap->classes[level];
    }
    return heap->lists[level][__builtin_ctz(classes)];
}

// The bounds of an empty heap, in whole units of ALIGNMENT, and its sentinel. False: too small for a block.
static inline bool bounds_set(struct heap *heap, uintptr_t from, size_t bytes) {
    uintptr_t start = (from + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1),
              end = (from + bytes) & ~(uintptr_t)(ALIGNMENT - 1);
    invariant(bytes <= HEAP_AREA_BYTES);
    heap->statistics.total_bytes = bytes;
    if (end < start + 2 * HEADER_BYTES + PAYLOAD_MIN)
        return false;
    heap->first = (char *)start;
    heap->end = (char *)(end - HEADER_BYTES);
    return true;
}

static inline void sentinel_set(struct heap *heap) {
    struct heap_block *sentinel = (struct heap_block *)heap->end;
    sentinel->word = 0;
    sentinel->tag = 0;
}

static inline void region_open(struct heap *heap, uintptr_t from, size_t bytes) {
    if (!bounds_set(heap, from, bytes))
        return; // every allocation is refused
    struct heap_block *all = (struct heap_block *)heap->first;
    all->word = (size_t)(heap->end - heap->first) - HEADER_BYTES;
    sentinel_set(heap);
    list_insert(heap, all);
}

static inline struct heap_block *live_block(const struct heap *heap, const void *address) {
    struct heap_block *block = block_of(address);
    invariant((char *)block >= heap->first && (char *)block < heap->end && (uintptr_t)address % ALIGNMENT == 0);
    invariant(block->tag == live_tag(block) && !(block->word & FREE));
    return block;
}

// Cuts block, which is in no list, to payload bytes and frees the rest when it makes a block.
static inline void block_cut(struct heap *heap, struct heap_block *block, size_t bytes) {
    size_t rest = payload_of(block) - bytes;
    if (rest < HEADER_BYTES + PAYLOAD_MIN)
        return;
    block->word = bytes | (block->word & FLAGS);
    struct heap_block *tail = block_after(block);
    tail->word = rest - HEADER_BYTES;
    struct heap_block *after = block_after(tail);
    if (after->word & FREE) {
        list_remove(heap, after);
        after->tag = TAG_FREE;
        tail->word += HEADER_BYTES + payload_of(after);
    }
    list_insert(heap, tail);
}

static inline size_t payload_for(size_t bytes) {
    if (bytes > HEAP_AREA_BYTES)
        return 0;
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return rounded < PAYLOAD_MIN ? PAYLOAD_MIN : rounded;
}

static inline void count_in(struct heap *heap, const struct heap_block *block, size_t blocks) {
    heap->statistics.used_bytes += payload_of(block) + HEADER_BYTES;
    heap->statistics.blocks += blocks;
    if (heap->statistics.used_bytes > heap->statistics.peak_bytes)
        heap->statistics.peak_bytes = heap->statistics.used_bytes;
}

static inline void *block_new(struct heap *heap, size_t bytes) {
    size_t wanted = payload_for(bytes);
    struct heap_block *block = wanted ? list_find(heap, wanted) : NULL;
    if (!block) {
        heap->statistics.refused++;
        return NULL;
    }
    list_remove(heap, block);
    block_cut(heap, block, wanted);
    block->tag = live_tag(block);
    count_in(heap, block, 1);
    return block_payload(block);
}

static inline void block_end(struct heap *heap, void *address) {
    struct heap_block *block = live_block(heap, address), *after = block_after(block);
    heap->statistics.used_bytes -= payload_of(block) + HEADER_BYTES;
    heap->statistics.blocks--;
    block->tag = TAG_FREE;
    if (after->word & FREE) {
        list_remove(heap, after);
        block->word += HEADER_BYTES + payload_of(after);
    }
    if (block->word & PREVIOUS_FREE) {
        struct heap_block *before = ((struct heap_block **)block)[-1];
        list_remove(heap, before);
        before->word += HEADER_BYTES + payload_of(block);
        block = before;
    }
    list_insert(heap, block);
}

#endif
