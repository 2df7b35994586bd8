// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// xheap.h - the exchange heap: objects with an owner.
//
// Interface:
//   xheap_alloc, xheap_free           from a cache of the running thread; a crossing only to refill or drain it
//   xheap_pass, xheap_take            ownership moves with the return of a GATE_GIVES function; _all: an array at once
//   xheap_attach, xheap_detach, xheap_root   a root that owns children: whoever gets the root gets them all, at once
//   xheap_handle, xheap_resolve       a name for an object that can go stale, to keep in data structures
//   xheap_room, xheap_owner_of, xheap_is_untrusted   what is known about an object
//   what generated stubs call, and the monitor's side: below
//
// Objects are powers of two from 256 bytes to 64 KiB, in 64 KiB chunks of one size. The bytes are plain memory that every
// domain can touch (but for the strict mode); who owns an object is written in the owner table (key 15), which every domain
// can read and only the monitor's rights can write. What only the owner needs to know (what lies free in its cache, how
// often it allocated an object, what it has lent) is in the owner's private memory.
// Three ways to cross (gate.h): lend, for the length of a call, back to the lender when it returns, fails or the borrower
// dies; give, for good: the giver's handle is dead at once; copy, into the callee's private memory.
// Invariant: the table's entry of an object's first granule names its one owner, or its root, whose owner it has.
// It does not zero memory between allocations inside a domain; what comes from the monitor is zeroed.
// Nothing here blocks. Ideas: RedLeaf's exchange heap, Singularity's linear ownership, Bonwick's magazines.
#ifndef XHEAP_H
#define XHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "address_map_asm.h"
#include "gate.h"
#include "errors.h"

#define XHEAP_GRANULE_BYTES 256
#define XHEAP_CHUNK_BYTES 65536
#define XHEAP_OBJECT_MAX 65536
#define XHEAP_GRANULES (ARENA_BYTES / XHEAP_GRANULE_BYTES)
#define XHEAP_CHUNKS (ARENA_BYTES / XHEAP_CHUNK_BYTES)
#define XHEAP_CHUNK_GRANULES (XHEAP_CHUNK_BYTES / XHEAP_GRANULE_BYTES)
#define XHEAP_CLASSES 9        // 256 << 0 .. 256 << 8
#define XHEAP_BATCH 32         // objects per refill
#define XHEAP_NUMBER_BITS 20   // of a granule's number + 1 in the words of drain and join
#define XHEAP_DRAIN_BATCH 18   // objects per drain: three in each of six words
#define XHEAP_JOIN_BATCH 15    // children per join: the first word is the root
#define XHEAP_CHILDREN_MAX 255

// Owner table entry, one per granule. An object's first granule has it; elsewhere it is 0.
struct xheap_owner {
    uint32_t generation;       // changes at refill, drain and give
    uint32_t owner_link;       // owner << 24 | link
};
#define XHEAP_NOBODY 0         // owner: free, with the monitor
#define XHEAP_CHILD 0xff       // owner: as its root, whose granule is the link
#define XHEAP_ORPHAN 0xfe      // owner: a domain that died while it had lent this; lives until the borrower has dropped it
#define XHEAP_UNTRUSTED 0x800000 // link of an owner's object, beside the number of its children: a borrower died with it
static inline uint8_t xheap_entry_owner(uint32_t owner_link) { return (uint8_t)(owner_link >> 24); }
static inline uint32_t xheap_entry_link(uint32_t owner_link) { return owner_link & 0xffffff; }

// How drain, join and their like name objects, in registers: granule + 1 at place i of the words, three in each; 0: none.
static inline void xheap_name(uint64_t words[], uint32_t i, uint32_t granule) {
    words[i / 3] |= (uint64_t)(granule + 1) << i % 3 * XHEAP_NUMBER_BITS;
}
static inline uint32_t xheap_named(const uint64_t words[], uint32_t i) {
    return words[i / 3] >> i % 3 * XHEAP_NUMBER_BITS & ((1u << XHEAP_NUMBER_BITS) - 1);
}

extern const volatile struct xheap_owner owner_table[XHEAP_GRANULES]; // OWNER_TABLE_BASE
extern const volatile uint8_t chunk_class[XHEAP_CHUNKS]; // class + 1, 0 = unused chunk; after the table
static inline uint32_t heap_class(uint32_t granule) { return chunk_class[granule / XHEAP_CHUNK_GRANULES] - 1u; }
#define arena ((char *)ARENA_BASE) // a constant: the heap lies beyond the reach of RIP-relative code

// ---- objects

// An object of at least bytes (1..XHEAP_OBJECT_MAX), owned by the calling domain; NULL when the heap or the domain's
// quota is exhausted or bytes is out of range. Contents unspecified.
void *xheap_alloc(size_t bytes);

// Ends the object, and all its children with it. Returns 0; -EINVAL when address is no object's start; -EPERM when another
// domain owns it, or a root (detach it first); -EBUSY while it, or a child, is lent; -ESTALE when it was already
// freed, or passed. A failure changes nothing.
int xheap_free(void *address);

// Usable bytes of the object that contains address, counted from address; 0 when it is in no live object.
size_t xheap_room(const void *address);

// Owner (domain id) of the live object that contains all of [address, +bytes), XHEAP_ORPHAN for one whose owner died;
// 0 when there is none.
uint8_t xheap_owner_of(const void *address, size_t bytes);

// True for an object that its owner had lent to a domain that then died: its bytes may be half written.
bool xheap_is_untrusted(const void *address);

static inline bool xheap_contains(const void *address) {
    return (uintptr_t)address - ARENA_BASE < ARENA_BYTES;
}

// ---- giving

// In a GATE_GIVES function: hands an own object, children included, to the caller; it is dead for this domain from now on.
// Returns the index (0..GIVE_MAX-1) under which the caller takes it; -EINVAL, -EPERM, -EBUSY, -ESTALE as for xheap_free();
// -E2BIG when GIVE_MAX objects were passed in this call, or when GATE_GIVES functions of this domain are nested more than four
// deep on this thread.
int xheap_pass(void *object);
// The same for count objects: their indices are consecutive, the first is returned. A failure (of any) passes none; -EINVAL
// also for a count of 0.
int xheap_pass_all(void *const *objects, size_t count);
// After a GATE_GIVES call: the object passed under index; NULL when there is none, or when the giver did not own it.
// Valid until this thread's next GATE_GIVES call.
void *xheap_take(unsigned index);
// The same for index 0..max-1: returns how many places of objects were written (NULL where the giver owned nothing).
size_t xheap_take_all(void **objects, size_t max);

// ---- roots and children

// Makes count own objects children of root, an own object: from then on they belong to whoever owns root, and giving or
// freeing root gives or frees them, in one step however many they are. One crossing for XHEAP_JOIN_BATCH. Returns 0; -EINVAL
// when one is no object's start, or is root; -EPERM when another domain owns one, or it is somebody's child already, or has
// children; -EBUSY, -ESTALE as for xheap_free(); -E2BIG beyond XHEAP_CHILDREN_MAX. A failure leaves the first ones attached.
int xheap_attach(void *root, void *const *children, size_t count);
// Makes an own child an object of its own again. Returns 0; -EINVAL when it is no child's start; -EPERM when another domain
// owns it; -EBUSY while its root is lent, -ESTALE when that was freed or passed.
int xheap_detach(void *child);
// The root of the child that contains address; NULL when that is no child. What a root's bytes say about its children was
// written by somebody else: this is how the receiver checks it.
void *xheap_root(const void *address);

// ---- handles

// Place, generation in the owner table, and generation in the owner's own count: free, give, drain, detaching and a restart end it.
typedef uint64_t xheap_handle_t;
// For an own live object. 0, which resolves to nothing, for anything else.
xheap_handle_t xheap_handle(const void *object);
// The object, or NULL when it was freed or given since, or the caller does not own it: never another object, until the same
// granule has changed hands 2^32 times.
void *xheap_resolve(xheap_handle_t handle);

// ---- for generated stubs

// The callee's side of a lend: 0 when the range lies in one live object that the calling domain does not own, else -EFAULT.
int xheap_check(const void *address, size_t bytes);
// The caller's side. begin: a range inside one live object, own or borrowed: 0, and an own object can be neither freed, given,
// attached nor detached until lend_end, which ends this thread's last lend; -EFAULT outside such an object; -EBUSY when this thread
// lends too many. Neither takes a lock or crosses.
int xheap_lend_begin(const void *address, size_t bytes);
void xheap_lend_end(void);
// The caller's side of a give parameter: 0, -EINVAL outside the heap, -ESTALE when this domain freed or passed it, -EBUSY while
// it is lent, -EPERM when the caller does not own it, or it is no object's start, or a child. The gate itself refuses those as
// well (-EPERM), so the callee need not look again: it says that the object arrived, and can use it from then on.
int xheap_give_begin(const void *address);
void xheap_give_arrived(const void *address);
// Round GATE_GIVES functions. open: before the body. Then one of: export (entered by a gate: the list is laid out
// where the gate's phase in the monitor reads it; returns how many objects were passed), or publish (called inside one
// domain: what was passed can be taken). accept: in the caller, after the gate.
void xheap_pass_open(void);
uint64_t xheap_pass_export(void);
void xheap_pass_publish(void);
void xheap_pass_accept(int64_t result);

// ---- the monitor's side

// What a domain's half of the heap refused. The numbers are part of the image's own interface only.
enum xheap_operation { XHEAP_FREE, XHEAP_GIVE, XHEAP_PASS, XHEAP_ATTACH, XHEAP_DETACH, XHEAP_LEND, XHEAP_BORROW,
                       XHEAP_RESOLVE, XHEAP_DRAIN };
// Has the monitor write a record about a misuse on the console: what error was returned for address (XHEAP_RESOLVE: the
// handle) and bytes (0: no range). Called where an error is a mistake of the program, so never while all is well. More
// than a few at once are counted only. Returns 0; -EINVAL for no such operation.
GATE(monitor) int xheap_misuse(uint32_t operation, int error, uint64_t address, uint64_t bytes);

// count (1..XHEAP_BATCH) zeroed objects of class, through the thread's give list on key 15; returns how many (fewer when
// the heap, the caller's quota or the length of a monitor call ends), or -ENOMEM for none, -EINVAL.
GATE(monitor) int xheap_refill(uint32_t size_class, uint32_t count);
// Takes back own objects, children included; each word names up to three, as granule + 1 in XHEAP_NUMBER_BITS bits, 0 for none.
// In registers, since a list in the heap could be another domain's by the time that it is read. Returns how many were
// named and taken back; -EPERM when some were not the caller's to give back, and only those were left alone.
GATE(monitor) int xheap_drain(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
// Makes what the words name children of root (a granule). Returns 0, or -EPERM, -E2BIG, -EINVAL as xheap_attach().
GATE(monitor) int xheap_join(uint64_t root, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
// Makes child (a granule) an object of its own again. Returns 0, -EINVAL or -EPERM as xheap_detach().
GATE(monitor) int xheap_part(uint64_t child);

#endif
