// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strict/heap_mode.h - the shared heap's strict mode: an object's pages carry the key of the one who may touch them
// now.
//
// The form is that of ../heap_mode.h. Who that is stands in the owner table, where the second granule of an object has
// no other use for its generation: domain | thread << 8, the thread for which it is lent or NOT_LENT.
#ifndef SHARED_HEAP_HEAP_MODE_H
#define SHARED_HEAP_HEAP_MODE_H

#include "domain.h"
#include "thread.h"
#include "xheap.h"

#define XHEAP_SMALLEST_CLASS 4         // one page: no two objects share one
_Static_assert(XHEAP_GRANULE_BYTES << XHEAP_SMALLEST_CLASS == PAGE_BYTES, "one page");

#define NOT_LENT 0xff
static inline uint32_t heap_holder(uint32_t domain, uint32_t thread) { return domain | thread << 8; }

// A caller that lends without a loan must not make the callee fault, nor lend what it lent on another thread, and can
// end there.
static inline bool client_reaches(uint32_t root) {
    return owner_table[root + 1].generation == heap_holder(domain_self, thread_self());
}
void client_claim(void **objects, uint32_t count);

void heap_settle(uint32_t granule);
void heap_keys_apply(void);
void heap_bury(uint32_t domain, uint64_t inside);
bool heap_is_lent(uint32_t granule);
bool heap_is_reached(uint32_t domain, const void *address, size_t bytes);
uint32_t heap_key_of(const void *address);

#endif
