// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// alloc.h - the private heap of a domain.
//
// Interface: heap_alloc, heap_zalloc, heap_realloc, heap_free, heap_room, heap_statistics
//
// One heap per domain, between domain_heap_start and domain_heap_end, under the domain's key; its components share it,
// also when several threads run in the domain. Every call takes bounded time, whatever the heap's history.
// Memory is aligned to 16 bytes. A restart of the domain empties the heap.
// It does not hand memory to other domains: that is the shared heap (xheap.h). Heaps over other memory: heap.h.
// Source of the idea: TLSF (Masmano, Ripoll, Crespo, Real, ECRTS 2004).
#ifndef LIB_ALLOC_H
#define LIB_ALLOC_H

#include <stddef.h>
#include <stdint.h>
#include "heap.h"

// At least bytes bytes, contents unspecified; NULL when the heap has no such block. bytes 0 counts as 1.
void *heap_alloc(size_t bytes);
// The same, zeroed.
void *heap_zalloc(size_t bytes);
// The block with its contents, cut or extended to bytes, perhaps elsewhere; NULL, with the old block untouched, when
// the heap has no room. A NULL address allocates.
void *heap_realloc(void *address, size_t bytes);
// Ends a block; NULL is ignored. A pointer that is no live block (double free, foreign pointer) is a programming
// error: the domain faults.
void heap_free(void *address);
// Usable bytes of a live block, at least those asked for. Faults like heap_free.
size_t heap_room(const void *address);
// What the heap holds now; total_bytes is what the configuration gives the domain.
struct heap_statistics heap_statistics(void);

#endif
