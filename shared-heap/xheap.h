// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// xheap.h - the exchange heap: objects with an owner.
//
// Interface:
//   xheap_alloc, xheap_free         from a private cache per domain and size class; a crossing only to refill or drain
//   xheap_check                     is this range inside one live object (of another owner)? used by generated stubs
//   xheap_lend_begin, xheap_lend_end  the record of a lend, kept by the lender (generated stubs)
//   xheap_pass, xheap_take          ownership moves with the return of a GATE_GIVES function
//   xheap_handle, xheap_resolve     a name for an object that can go stale, to keep in data structures
//
// Objects are powers of two from 256 bytes to 64 KiB, in 64 KiB chunks of one size. The bytes are plain memory that
// every domain can touch; who owns an object is written in the owner table (key 15), which every domain can read and
// only the monitor's rights can write. Invariant: the table's entry of an object's first granule names its one owner.
// It does not zero memory between owners inside a domain's cache; a refill hands out zeroed objects.
// Modes: lend (for the length of a call), give (for good, by a give gate), copy (a private copy in the callee).
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
#define XHEAP_CLASSES 9        // 256 << 0 .. 256 << 8
#define XHEAP_BATCH 32         // objects per refill
#define XHEAP_DRAIN_BITS 20    // of a granule's number + 1
#define XHEAP_DRAIN_WORDS 6
#define XHEAP_DRAIN_BATCH (3 * XHEAP_DRAIN_WORDS) // objects per drain

struct xheap_owner {           // owner table entry, 8 bytes, one per granule; owner 0 = not an object's first granule
    uint32_t generation;       // changes at refill, drain and give
    uint16_t granules;         // size
    uint8_t owner;             // domain id
    uint8_t pad;
};

extern const volatile struct xheap_owner owner_table[ARENA_BYTES / XHEAP_GRANULE_BYTES]; // OWNER_TABLE_BASE
extern const volatile uint8_t chunk_class[ARENA_BYTES / XHEAP_CHUNK_BYTES]; // class + 1, 0 = unused chunk; after it
#define arena ((char *)ARENA_BASE) // a constant: the heap lies beyond the reach of RIP-relative code

// An object of at least bytes (1..XHEAP_OBJECT_MAX), owned by the calling domain; NULL when the heap or the domain's
// quota is exhausted or bytes is out of range. Contents unspecified. Does not block.
void *xheap_alloc(size_t bytes);

// Ends the object. Returns 0; -EINVAL when address is no object's start; -EPERM when another domain owns it;
// -EBUSY while it is lent; -ESTALE when it was already freed (double free).
int xheap_free(void *address);

// Usable bytes of the object that contains address, counted from address; 0 when it is in no live object.
size_t xheap_room(const void *address);

// Owner (domain id) of the live object that contains all of [address, +bytes); 0 when there is none.
uint8_t xheap_owner_of(const void *address, size_t bytes);

static inline bool xheap_contains(const void *address) {
    return (uintptr_t)address - ARENA_BASE < ARENA_BYTES;
}

// For generated stubs. check: 0 when the range lies in one live object that the calling domain does not own, else
// -EFAULT. lend_begin: a range inside one live object, own or borrowed: 0, and an own object can be neither freed nor
// given until lend_end, which ends this thread's last lend; -EFAULT outside such an object; -EBUSY when this thread lends too
// many. Neither takes a lock or crosses.
int xheap_check(const void *address, size_t bytes);
int xheap_lend_begin(const void *address, size_t bytes);
void xheap_lend_end(void);
// For generated stubs of a give parameter, on the caller's side: 0, -EINVAL outside the heap, -ESTALE when this domain
// freed it, -EBUSY while it is lent. The gate itself refuses (-EPERM) what the caller does not own and what is no
// object's start, so the callee need not look again.
int xheap_give_begin(const void *address);
// 0 when address is the start of an object that this domain owns, has not freed and has not lent; -EINVAL, -EPERM,
// -ESTALE, -EBUSY otherwise.
int xheap_may_give(const void *address);
// 0 when address is the start of an object that this domain owns: it arrived.
int xheap_give_arrived(const void *address);

// In a GATE_GIVES function: hands an own object to the caller; returns the index (0..GIVE_MAX-1) under which the
// caller takes it, or -EPERM/-EBUSY/-EINVAL/-ESTALE as for xheap_may_give(), -E2BIG when GIVE_MAX objects were passed in this
// call, or when GATE_GIVES functions of this domain are nested too deep on this thread (more than four).
int xheap_pass(void *object);
// After a GATE_GIVES call: the object passed under index; NULL when there is none, or when the giver did not own it.
// Valid until this thread's next GATE_GIVES call.
void *xheap_take(unsigned index);

// For generated code round GATE_GIVES functions. open: before the body. Then one of: export (entered by a gate: lays the list
// where the gate's phase in the monitor reads it; returns how many objects were passed), or publish (called inside one
// domain: what was passed can be taken). accept: in the caller, after the gate.
void xheap_pass_open(void);
uint64_t xheap_pass_export(void);
void xheap_pass_publish(void);
void xheap_pass_accept(void);

typedef uint64_t xheap_handle_t; // generation << 32 | granule
xheap_handle_t xheap_handle(const void *object);
// The object, or NULL when its generation is over or the caller no longer owns it.
void *xheap_resolve(xheap_handle_t handle);

// The monitor's side. refill: count (1..XHEAP_BATCH) zeroed objects of class, through the thread's give list on
// key 15; returns how many, or -ENOMEM, -EINVAL. drain: takes back own objects; each word names up to three, as granule + 1
// in XHEAP_DRAIN_BITS bits, 0 for none. In registers, since a list in the heap could be another domain's by the time that it is
// read. Returns how many were taken back; -EPERM when some were not the caller's.
GATE(monitor) int xheap_refill(uint32_t size_class, uint32_t count);
GATE(monitor) int xheap_drain(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

#endif
