// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap.h - a heap over memory that its owner brings: for data that a restart keeps (core/include/persist.h), or that
// has its own limit.
//
// Interface:
//   heap_open, heap_alloc_in, heap_zalloc_in, heap_free_in, heap_statistics_in
//   heap_salvage_begin, heap_keep, heap_is_kept, heap_salvage_end    the same memory again, after a restart
//
// What alloc.h says of the private heap holds here too (bounded time, alignment, faults on misuse), but nothing locks:
// the owner sees to it that one thread at a time is inside, as the lock of a serial component does.
// Invariant: struct heap is ordinary data, which a restart resets; in the region lie only blocks, each behind its
// header.
// Salvage believes none of what a restart left: the owner names the blocks that it can still reach, each is checked,
// and everything else becomes free. So what an interrupted owner had allocated and not yet tied in comes back by
// itself.
#ifndef LIB_HEAP_H
#define LIB_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_LEVELS 23        // doublings of the payload from 256 bytes to 1 GiB (HEAP_AREA_BYTES)
#define HEAP_CLASSES 16       // per doubling: at most 6% lost to the search for a sure fit

struct heap_statistics {
    size_t total_bytes;       // what there is
    size_t used_bytes;        // in live blocks, with their headers
    size_t peak_bytes;        // the most that used_bytes ever was
    size_t blocks;            // live blocks
    uint64_t refused;         // allocations that found no room
};

struct heap {
    char *first, *end;        // first block; sentinel
    uint32_t levels;          // bit = some class of the level has a block
    uint16_t classes[HEAP_LEVELS];
    struct heap_block *lists[HEAP_LEVELS][HEAP_CLASSES];
    struct heap_statistics statistics;
};

// Makes [region, +bytes) one free block; touches its first and last bytes only. A region that is too small for a block
// refuses every allocation; one above HEAP_AREA_BYTES (1 GiB) is a programming error.
void heap_open(struct heap *heap, void *region, size_t bytes);

// As heap_alloc, heap_zalloc, heap_free and heap_statistics (alloc.h). Memory of one heap goes back to that heap.
void *heap_alloc_in(struct heap *heap, size_t bytes);
void *heap_zalloc_in(struct heap *heap, size_t bytes);
void heap_free_in(struct heap *heap, void *address);
struct heap_statistics heap_statistics_in(const struct heap *heap);

// Scratch memory for a salvage: a bit per 16 bytes of the region.
#define HEAP_MAP_WORDS(bytes) (((bytes) + 1023) / 1024)

struct heap_salvage {
    struct heap *heap;
    uint64_t *map;            // bit = these 16 bytes are a kept block's
    char *bound;              // no block lies beyond
};

// Instead of heap_open: the region as a heap left it, or as anybody did. No block is kept yet; nothing in the region
// changes before heap_salvage_end. map: HEAP_MAP_WORDS(bytes) words, of any contents. Time, and memory touched: in
// proportion to what lies before the free block at the region's end, / 128.
void heap_salvage_begin(struct heap_salvage *salvage, struct heap *heap, void *region, size_t bytes, uint64_t *map);

// Keeps the block at address. Returns its usable bytes; 0, and keeps nothing, unless address is that of a live block
// inside the region with at least bytes bytes, none of which is kept already. address may be anything. Reading what was
// kept is safe.
size_t heap_keep(struct heap_salvage *salvage, const void *address, size_t bytes);

// Is the byte at address part of a kept block? address may be anything.
bool heap_is_kept(const struct heap_salvage *salvage, const void *address);

// The heap is open again: the kept blocks are live, all other memory is free. Time: in proportion to that part of the
// map, plus blocks.
void heap_salvage_end(struct heap_salvage *salvage);

#endif
