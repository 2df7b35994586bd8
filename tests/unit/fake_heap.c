// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake_heap.c - the private heap, and heaps over other memory, on malloc, so that the address sanitizer watches every block.
#include <malloc.h>
#include "alloc.h"
#include "fake.h"

#define WEAK __attribute__((weak))

size_t fake_heap_used, fake_heap_limit = SIZE_MAX, fake_heap_countdown = SIZE_MAX;

void *heap_alloc(size_t bytes) {
    if (fake_heap_countdown-- == 0) // and then counts down from SIZE_MAX
        return NULL;
    if (bytes > fake_heap_limit || fake_heap_used > fake_heap_limit - bytes)
        return NULL;
    char *address = malloc(bytes ? bytes : 1);
    fake_heap_used += malloc_usable_size(address);
    memset(address, 0xa5, bytes);
    return address;
}

void *heap_zalloc(size_t bytes) {
    void *address = heap_alloc(bytes);
    return address ? memset(address, 0, bytes) : NULL;
}

void heap_free(void *address) {
    fake_heap_used -= address ? malloc_usable_size(address) : 0;
    free(address);
}

void *heap_realloc(void *address, size_t bytes) {
    void *moved = heap_alloc(bytes);
    if (moved && address) {
        size_t old = malloc_usable_size(address);
        memcpy(moved, address, old < bytes ? old : bytes);
        heap_free(address);
    }
    return moved;
}

// Heaps over other memory: the region is not touched, but it is the limit. A test that links lib/heap.c has the real ones.
static size_t cost(size_t bytes) { return bytes < 32 ? 48 : (bytes + 31) / 16 * 16; }

WEAK void heap_open(struct heap *heap, void *region, size_t bytes) {
    (void)region;
    *heap = (struct heap){.statistics.total_bytes = bytes};
}

WEAK void *heap_alloc_in(struct heap *heap, size_t bytes) {
    bool is_full = heap->statistics.used_bytes + cost(bytes) > heap->statistics.total_bytes;
    void *address = is_full ? NULL : heap_alloc(bytes);
    heap->statistics.used_bytes += address ? cost(malloc_usable_size(address)) : 0;
    return address;
}

WEAK void *heap_zalloc_in(struct heap *heap, size_t bytes) {
    void *address = heap_alloc_in(heap, bytes);
    return address ? memset(address, 0, bytes) : NULL;
}

WEAK void heap_free_in(struct heap *heap, void *address) {
    heap->statistics.used_bytes -= address ? cost(malloc_usable_size(address)) : 0;
    heap_free(address);
}

WEAK struct heap_statistics heap_statistics_in(const struct heap *heap) { return heap->statistics; }
