// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_monitor.h - what the files of the monitor's half of the heap share, and what the rest of the monitor asks of it.
//
// Interface:
//   heap_account                     what a domain holds, and held at most
//   heap_reclaim, heap_orphans_drop  a domain died; a thread is out of everything that it had borrowed
//   freelist_push, freelist_pop      free objects of a size class
//   heap_entry, heap_take_back       the owner table, writable; an object with all its children back to the free lists
//
// All of it runs as the monitor, which is never preempted: each function is one step for everybody else.
#ifndef SHARED_HEAP_HEAP_MONITOR_H
#define SHARED_HEAP_HEAP_MONITOR_H

#include <heap_mode.h>
#include "monitor.h"
#include "xheap.h"

// What a domain took from the monitor and what has not come back, wherever it is now.
struct heap_account {
    uint64_t bytes, most_bytes;
    uint32_t objects, most_objects;
    uint32_t refusals;               // refills that its quota cut short
};
extern struct heap_account heap_account[DOMAIN_MAX];

// The domain died in this generation; inside has a bit for each thread with a frame in it, the suspended ones included.
// What it owned goes back to the free lists; what it had lent on those threads becomes an orphan until
// heap_orphans_drop() of them all; what they had brought it as a loan is marked as untrusted for its owner. What it had
// paid for and others own is charged to them, beyond their quotas if need be. Returns how many objects were freed; 0
// when this generation was reclaimed before. Nobody may run in the domain any more, or enter it. Two passes over the
// owner table, whatever the domain had written.
uint32_t heap_reclaim(uint32_t domain, uint32_t generation, uint64_t inside);

// For heap_reclaim: the object, if it is the dead domain's, becomes an orphan that thread holds.
void heap_orphan(uint32_t granule, uint32_t domain, uint32_t thread);

// thread has no frame left in a domain that died: what only it still borrowed of them is freed. Returns how many
// objects. At most one pass over the owner table per domain.
uint32_t heap_orphans_drop(uint32_t thread);

// caller, that of edge, a GATE_GIVES gate, died before the call returned on thread; what its callee gave all the same is
// freed. Only when the gate's phase in the monitor ran since heap_reclaim() of the caller. Returns how many objects.
uint32_t heap_given_back(uint32_t thread, uint32_t edge, uint32_t caller);

void freelist_push(uint32_t size_class, uint32_t granule);
// Returns granule + 1, or 0 when none is free.
uint32_t freelist_pop(uint32_t size_class);

// next[] of a free object leads to the next free one; of a root, to its first child; of a child, to the next. All + 1.
extern uint32_t heap_next[XHEAP_GRANULES];
extern uint8_t heap_charged[XHEAP_GRANULES]; // who took the object from here: its quota pays until it comes back
void heap_charge(uint32_t granule, uint32_t domain);
void heap_uncharge(uint32_t granule);

#define LINK_CHILDREN 0xff  // of a root's or an orphan's link: how many children it has
static inline struct xheap_owner *heap_entry(uint32_t granule) {
    return (struct xheap_owner *)(uintptr_t)&owner_table[granule];
}
uint32_t heap_take_back(uint32_t granule); // returns how many objects that were

#endif
