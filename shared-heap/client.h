// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.h - what the files of a domain's half of the heap share. All of it is that domain's own memory.
//
// local_state[] has a word per granule: bit 0 = an object starts here that this domain may use, above it how often it was
// allocated here (14 bits). Whoever clears the bit, and nobody else, may free, give, pass or attach the object. It is set by
// allocation, arrival and detaching: so it is clear for what lies in a cache, is on its way, or is a child (its root's counts).
// No lock: a cache belongs to one thread, records of lends too, and local_state changes by single instructions. On one CPU
// that is enough; several need a lock prefix there, and a full fence where client_order() is.
#ifndef SHARED_HEAP_CLIENT_H
#define SHARED_HEAP_CLIENT_H

#include <heap_mode.h>
#include "domain.h"
#include "thread.h"
#include "xheap.h"

#define LOCAL_USED 1
#define LOCAL_COUNT 2              // one more allocation
#define LENDS_MAX 63              // per thread: six arguments, ten calls deep
#define LENDS_NOTHING XHEAP_GRANULES

extern uint16_t local_state[XHEAP_GRANULES];

// The monitor reads it when this domain dies, under the name lends_<domain> (monitor_reclaim.c).
struct lends { volatile uint32_t count, granule[LENDS_MAX]; };
extern struct lends domain_lends[THREAD_MAX];
_Static_assert(THREAD_MAX <= 64, "a bit per thread");
extern volatile uint64_t client_lenders; // bit = thread that ever lent
extern volatile uint32_t client_lent;    // records of all threads together

// CONFIG_XHEAP_ORIGINS: offsets from TEXT_BASE of the return address, and of the one above; 0: none.
struct origin { uint32_t generation, site, above; };

// One of two threads that do opposite things at once sees the other: whoever frees clears the bit and then looks for lends,
// whoever lends records first and then looks at the bit.
static inline void client_order(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

static inline uint32_t granule_of(const void *address) { return (uint32_t)(((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES); }
static inline void *address_of(uint32_t granule) { return arena + (uint64_t)granule * XHEAP_GRANULE_BYTES; }

static inline bool is_used(uint32_t granule) { return local_state[granule] & LOCAL_USED; }
// True for the one who cleared the bit.
static inline bool use_end(uint32_t granule) {
    bool was;
    __asm__ volatile("btrw $0, %1" : "=@ccc"(was), "+m"(local_state[granule]));
    return was;
}
static inline void use_begin(uint32_t granule) { __asm__ volatile("btsw $0, %0" : "+m"(local_state[granule]) : : "cc"); }

bool client_is_listed(uint32_t granule);
static inline bool is_lent(uint32_t granule) {
    if (__builtin_expect(!client_lent, 1)) return false;
    return client_is_listed(granule);
}

// The object that contains address: all zero when no live one does. Every object of a chunk has the chunk's size.
struct view {
    uint32_t granule, root;    // root: of itself when it is nobody's child
    uint8_t owner;
    size_t room;
};
// What Frama-C proves of it for every offset is in tests/model/lookup.c.
static inline struct view view_at(uint64_t offset) {
    uint8_t size_class = offset < ARENA_BYTES ? chunk_class[offset / XHEAP_CHUNK_BYTES] : 0;
    if (!size_class) return (struct view){0};
    uint64_t bytes = (uint64_t)XHEAP_GRANULE_BYTES << (size_class - 1), inside = offset & (bytes - 1);
    uint32_t granule = (uint32_t)((offset - inside) / XHEAP_GRANULE_BYTES), root = granule;
    uint32_t entry = owner_table[granule].owner_link;
    if (__builtin_expect(xheap_entry_owner(entry) == XHEAP_CHILD, 0)) {
        root = xheap_entry_link(entry);
        entry = owner_table[root].owner_link; // the table is the monitor's: it names an object with an owner
    }
    return (struct view){granule, root, xheap_entry_owner(entry), bytes - inside};
}
static inline struct view view_of(const void *address) { return view_at((uintptr_t)address - ARENA_BASE); }

// Changes whenever the object changes hands; a child's with its root's, too.
static inline uint32_t generation_of(const struct view *view) {
    uint32_t generation = owner_table[view->granule].generation;
    return view->root == view->granule ? generation : generation + owner_table[view->root].generation;
}

// By the byte alone: a load of the whole entry would wait for the byte that a gate has just written
// (core/gates/give.S).
static inline uint8_t owner_byte(uint64_t granule) {
    return ((const volatile uint8_t *)&owner_table[granule])[sizeof *owner_table - 1];
}

// Takes the own object that starts at address out of use. False when there is none in use, with nothing changed.
// Whether it is lent is still to be asked. Interior granules have an entry of 0, so the entry alone tells that an
// object starts here.
static inline bool own_use_end(const void *address) {
    // Rotated, an offset that is no multiple of a granule becomes too large: one comparison refuses it and foreign
    // addresses.
    uint64_t offset = (uintptr_t)address - ARENA_BASE, granule = offset >> 8 | offset << 56;
    _Static_assert(XHEAP_GRANULE_BYTES == 1 << 8, "the rotation");
    if (__builtin_expect(granule >= XHEAP_GRANULES, 0)) return false;
    if (__builtin_expect(owner_byte(granule) != domain_self, 0)) return false;
    return __builtin_expect(use_end((uint32_t)granule), 1);
}

// The same, as if to free it. False when that cannot be, with nothing changed: client_refusal() says why.
static inline bool part_with(const void *address) {
    if (!own_use_end(address)) return false;
    client_order();
    if (__builtin_expect(!is_lent(granule_of(address)), 1)) return true;
    use_begin(granule_of(address));
    return false;
}
int client_refusal(uint32_t operation, const void *address);

// A mistake of this domain's code: the monitor tells people. Returns error.
int client_misuse(uint32_t operation, int error, const void *address, size_t bytes);

#endif
