// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// memory.h - the store's share of the private heap, private to kv. Pure.
//
// Invariant: used_bytes counts every block that was got here and not given back, with what the heap adds to it, and stays at
// or below limit_bytes. Whoever frees a block knows its size: no header of our own.
#ifndef KV_MEMORY_H
#define KV_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include "alloc.h"

#define MEMORY_BLOCK_BYTES 16 // the heap's header and rounding

struct memory {
    size_t used_bytes, limit_bytes;
};

// NULL when the limit or the heap is reached.
static inline void *memory_alloc(struct memory *memory, size_t bytes) {
    size_t need = bytes + MEMORY_BLOCK_BYTES;
    if (need > memory->limit_bytes || memory->used_bytes > memory->limit_bytes - need)
        return NULL;
    void *address = heap_alloc(bytes);
    if (address)
        memory->used_bytes += need;
    return address;
}

static inline void memory_free(struct memory *memory, void *address, size_t bytes) {
    if (!address)
        return;
    memory->used_bytes -= bytes + MEMORY_BLOCK_BYTES;
    heap_free(address);
}

#endif
