// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_salvage.c - a heap from what a restart left of it, see heap.h.
//
//   region   [ kept block ][ kept ][ ..... not kept ..... ][ kept block ][ not kept ][sentinel]
//   map        1 1 1 1 1 1   1 1 1   0 0 0 0 0 0 0 0 0 0 0   1 1 1 1 1 1   0 0 0 0 0
//
// What an attacker could try: headers that overlap others, or reach beyond the region; blocks that are named twice;
// sizes that leave gaps too small for a header. The map decides: a header is believed only where its whole block was
// free in the map.
// Free blocks, lists and counts are made anew. Of what the region says about them one thing is read: where the free
// block at its end begins, so that a large region with little in it costs little. Beyond that nothing is kept, so a lie
// can only make it keep less.
#include "string.h"
#include "tlsf.h"

#define WORD_BITS 64

// The bits of [at, to) that lie in the word of at.
static uint64_t mask_of(size_t at, size_t to) {
    size_t low = at % WORD_BITS, count = to - at < WORD_BITS - low ? to - at : WORD_BITS - low;
    return (count == WORD_BITS ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1) << low;
}

static size_t word_end(size_t at) { return (at / WORD_BITS + 1) * WORD_BITS; }

static bool map_has(const uint64_t *map, size_t at) { return map[at / WORD_BITS] >> at % WORD_BITS & 1; }

static bool map_is_clear(const uint64_t *map, size_t from, size_t to) {
    for (size_t at = from; at < to; at = word_end(at))
        if (map[at / WORD_BITS] & mask_of(at, to))
            return false;
    return true;
}

static void map_set(uint64_t *map, size_t from, size_t to) {
    for (size_t at = from; at < to; at = word_end(at))
        map[at / WORD_BITS] |= mask_of(at, to);
}

// The first set bit in [from, to), or to.
static size_t map_next(const uint64_t *map, size_t from, size_t to) {
    for (size_t at = from; at < to; at = word_end(at)) {
        uint64_t bits = map[at / WORD_BITS] & mask_of(at, to);
        if (bits)
            return at / WORD_BITS * WORD_BITS + (size_t)__builtin_ctzl(bits);
    }
    return to;
}

static size_t unit_of(const struct heap *heap, const void *address) {
    return ((uintptr_t)address - (uintptr_t)heap->first) / ALIGNMENT;
}

// The start of the last block, if it is a free one; else the end.
static char *bound_of(const struct heap *heap) {
    const struct heap_block *sentinel = (const struct heap_block *)heap->end;
    if (!heap->end || !(sentinel->word & PREVIOUS_FREE))
        return heap->end;
    char *start = ((char *const *)sentinel)[-1];
    bool is_inside = (uintptr_t)start >= (uintptr_t)heap->first && (uintptr_t)start < (uintptr_t)heap->end;
    return is_inside && (uintptr_t)start % ALIGNMENT == 0 ? start : heap->end;
}

void heap_salvage_begin(struct heap_salvage *salvage, struct heap *heap, void *region, size_t bytes, uint64_t *map) {
    memset(heap, 0, sizeof(*heap));
    (void)bounds_set(heap, (uintptr_t)region, bytes); // too small: first and end are equal, with nothing in between
    *salvage = (struct heap_salvage){heap, map, bound_of(heap)};
    memset(map, 0, HEAP_MAP_WORDS((size_t)(salvage->bound - heap->first)) * sizeof(*map));
}

size_t heap_keep(struct heap_salvage *salvage, const void *address, size_t bytes) {
    const struct heap *heap = salvage->heap;
    uintptr_t first = (uintptr_t)heap->first, end = (uintptr_t)salvage->bound, at = (uintptr_t)address - HEADER_BYTES;
    if (at < first || at >= end || at % ALIGNMENT != 0)
        return 0;
    const struct heap_block *block = (const struct heap_block *)at;
    size_t payload = payload_of(block), wanted = payload_for(bytes);
    if (block->tag != live_tag(block) || (block->word & FREE) || payload < wanted || wanted == 0 ||
        payload > end - at - HEADER_BYTES)
        return 0;
    size_t from = unit_of(heap, block), to = from + (HEADER_BYTES + payload) / ALIGNMENT;
    if (!map_is_clear(salvage->map, from, to))
        return 0;
    map_set(salvage->map, from, to);
    return payload;
}

bool heap_is_kept(const struct heap_salvage *salvage, const void *address) {
    const struct heap *heap = salvage->heap;
    if ((uintptr_t)address < (uintptr_t)heap->first || (uintptr_t)address >= (uintptr_t)salvage->bound)
        return false;
    return map_has(salvage->map, unit_of(heap, address));
}

void heap_salvage_end(struct heap_salvage *salvage) {
    struct heap *heap = salvage->heap;
    char *start = heap->first;
    size_t units = unit_of(heap, heap->end), bound = unit_of(heap, salvage->bound);
    struct heap_block *last = NULL; // the kept block that ends where the gap begins
    if (!units)
        return;
    sentinel_set(heap);
    for (size_t at = 0; at < units;) {
        size_t next = at < bound ? map_next(salvage->map, at, bound) : units;
        next = next == bound ? units : next;
        size_t gap_bytes = (next - at) * ALIGNMENT;
        struct heap_block *block = (struct heap_block *)(start + at * ALIGNMENT);
        if (next == at) {
            block->word = payload_of(block);
            count_in(heap, block, 1);
            last = block;
            at += (HEADER_BYTES + payload_of(block)) / ALIGNMENT;
            continue;
        }
        if (gap_bytes >= HEADER_BYTES + PAYLOAD_MIN) {
            block->word = gap_bytes - HEADER_BYTES;
        } else if (last) { // no heap leaves such a gap; whoever scribbled sizes gets a larger block
            last->word += gap_bytes;
            heap->statistics.used_bytes += gap_bytes;
        } else {
            heap->first += gap_bytes;
        }
        at = next;
    }
    // Now every header is right, so that inserting a free block can mark the one behind it.
    for (struct heap_block *block = (struct heap_block *)heap->first; (char *)block < heap->end;
         block = block_after(block))
        if ((char *)block >= salvage->bound || !map_has(salvage->map, (size_t)((char *)block - start) / ALIGNMENT))
            list_insert(heap, block);
    heap->statistics.peak_bytes = heap->statistics.used_bytes;
}
