// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_mode.h - where the modes of the shared heap differ: here shared, which adds nothing; strict/ has the other.
//
// Included in angle brackets by both halves, so that the order of the build's folders picks one. All of it vanishes.
#ifndef SHARED_HEAP_HEAP_MODE_H
#define SHARED_HEAP_HEAP_MODE_H

#include "xheap.h"

#define XHEAP_SMALLEST_CLASS 0

// In a domain: may it touch the object, for all that the mode knows; what has arrived becomes reachable.
static inline bool client_reaches(uint32_t root) { return (void)root, true; }
static inline void client_claim(void **objects, uint32_t count) { (void)objects, (void)count; }

// In the monitor: an object's owner changed; the end of a function in which one did; what strict/ keeps about loans.
static inline void heap_settle(uint32_t granule) { (void)granule; }
static inline void heap_keys_apply(void) {}
static inline void heap_bury(uint32_t domain, uint64_t inside) { (void)domain, (void)inside; }
static inline bool heap_is_lent(uint32_t granule) { return (void)granule, false; }
static inline bool heap_is_reached(uint32_t domain, const void *address, size_t bytes) {
    return (void)domain, xheap_owner_of(address, bytes) != 0;
}
static inline uint32_t heap_key_of(const void *address) { return (void)address, PKEY_ARENA; }

#endif
