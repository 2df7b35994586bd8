// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap.c - a heap over memory that its owner brings, see heap.h. heap_salvage.c opens one again after a restart.
#include "string.h"
#include "tlsf.h"

void heap_open(struct heap *heap, void *region, size_t bytes) {
    memset(heap, 0, sizeof(*heap));
    region_open(heap, (uintptr_t)region, bytes);
}

void *heap_alloc_in(struct heap *heap, size_t bytes) { return block_new(heap, bytes); }

void *heap_zalloc_in(struct heap *heap, size_t bytes) {
    void *address = block_new(heap, bytes);
    return address ? memset(address, 0, bytes) : NULL;
}

void heap_free_in(struct heap *heap, void *address) {
    if (address)
        block_end(heap, address);
}

struct heap_statistics heap_statistics_in(const struct heap *heap) { return heap->statistics; }
