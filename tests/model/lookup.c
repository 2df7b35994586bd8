// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lookup.c - what Frama-C proves of the lookup in the owner table (shared-heap/client.h), for every 64-bit offset.
//
// Never linked. Assumed: tables, below, which the monitor keeps; that an entry does not change during a lookup;
// axioms about masks, which group_model.py has z3 decide on bit-vectors: WP's integers know little of them.
#define __builtin_expect(value, expected) (value)
#include "client.h"

/*@ axiomatic masks {
    axiom part: \forall integer x, y;
        0 <= x < 0x10000000000000000 && 0 <= y < 0x10000000000000000 ==> 0 <= (x & y) <= x;
    axiom mask_1: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 255) == x % 256;
    axiom mask_2: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 511) == x % 512;
    axiom mask_3: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 1023) == x % 1024;
    axiom mask_4: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 2047) == x % 2048;
    axiom mask_5: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 4095) == x % 4096;
    axiom mask_6: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 8191) == x % 8192;
    axiom mask_7: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 16383) == x % 16384;
    axiom mask_8: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 32767) == x % 32768;
    axiom mask_9: \forall integer x; 0 <= x < 0x10000000000000000 ==> (x & 65535) == x % 65536;
    }
    logic integer link_of(integer granule) = owner_table[granule].owner_link & 0xffffff;
    logic integer owner_of(integer granule) = (uint8_t)(owner_table[granule].owner_link >> 24);
    predicate tables = (\forall integer k; 0 <= k < XHEAP_CHUNKS ==> chunk_class[k] <= XHEAP_CLASSES) &&
        \forall integer g; 0 <= g < XHEAP_GRANULES && owner_of(g) == XHEAP_CHILD ==> link_of(g) < XHEAP_GRANULES;
*/

/*@ assigns \nothing; ensures \result == (uint8_t)(owner_link >> 24); */
static inline uint8_t xheap_entry_owner(uint32_t owner_link);
/*@ assigns \nothing; ensures \result == (owner_link & 0xffffff); */
static inline uint32_t xheap_entry_link(uint32_t owner_link);

/*@ requires tables && granule < XHEAP_GRANULES && chunk_class[granule / XHEAP_CHUNK_GRANULES] != 0;
    assigns \nothing;
    ensures \result == chunk_class[granule / XHEAP_CHUNK_GRANULES] - 1 && \result < XHEAP_CLASSES;
*/
static inline uint32_t heap_class(uint32_t granule);

// Class + 1 of the chunk round offset, 0 = unused. A macro with the code's own cast: WP sees one term, and simplifies.
#define CLASS chunk_class[(uint64_t)(offset / XHEAP_CHUNK_BYTES)]
// The object of this class round offset starts where it says, and ends room bytes after offset.
#define OBJECT(class, bytes) (CLASS == class ==> \
    \result.granule * XHEAP_GRANULE_BYTES == offset - offset % bytes && \result.room == bytes - offset % bytes)

/*@ requires tables;
    assigns \nothing;
    behavior nothing:
        assumes offset >= ARENA_BYTES || CLASS == 0;
        ensures \result.granule == 0 && \result.root == 0 && \result.owner == 0 && \result.room == 0;
    behavior object:
        assumes offset < ARENA_BYTES && CLASS != 0;
        ensures 1 <= CLASS <= XHEAP_CLASSES;
        ensures OBJECT(1, 256);
        ensures OBJECT(2, 512);
        ensures OBJECT(3, 1024);
        ensures OBJECT(4, 2048);
        ensures OBJECT(5, 4096);
        ensures OBJECT(6, 8192);
        ensures OBJECT(7, 16384);
        ensures OBJECT(8, 32768);
        ensures OBJECT(9, 65536);
        ensures \result.granule < XHEAP_GRANULES && \result.root < XHEAP_GRANULES;
        ensures \result.root == (owner_of(\result.granule) == XHEAP_CHILD ? link_of(\result.granule) : \result.granule);
        ensures \result.owner == owner_of(\result.root);
    complete behaviors;
    disjoint behaviors;
*/
static inline struct view view_at(uint64_t offset);

/*@ requires (uintptr_t)address >= ARENA_BASE && (uintptr_t)address - ARENA_BASE < ARENA_BYTES;
    assigns \nothing;
    ensures \result == ((uintptr_t)address - ARENA_BASE) / XHEAP_GRANULE_BYTES && \result < XHEAP_GRANULES;
*/
static inline uint32_t granule_of(const void *address);
