// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_freelist.c - free objects, a list per size class, linked by granule number outside the objects.
//
// Invariant: a granule is on at most one list, once; every list ends.
#include "heap_monitor.h"

uint32_t heap_next[XHEAP_GRANULES];
static uint32_t free_head[XHEAP_CLASSES];

/* Proved by Frama-C (docs/heap-proofs.md). Ghosts say for each granule on which list it is (class + 1; 0 = none), what comes
   before it, and how many come after: one predecessor, so it is there once; ever fewer successors, so the list ends.
*/
/*@ ghost uint32_t list_of[XHEAP_GRANULES], before[XHEAP_GRANULES], after[XHEAP_GRANULES]; */
/*@ predicate listed(integer number, integer c) = 1 <= number <= XHEAP_GRANULES && list_of[number - 1] == c + 1;
    predicate heads = \forall integer c; 0 <= c < XHEAP_CLASSES && free_head[c] != 0 ==>
        listed(free_head[c], c) && before[free_head[c] - 1] == 0;
    predicate successors = \forall integer g; 0 <= g < XHEAP_GRANULES && list_of[g] != 0 && heap_next[g] != 0 ==>
        listed(heap_next[g], list_of[g] - 1) && before[heap_next[g] - 1] == g + 1 && after[heap_next[g] - 1] < after[g];
    predicate predecessors = \forall integer g; 0 <= g < XHEAP_GRANULES && list_of[g] != 0 ==> list_of[g] <= XHEAP_CLASSES &&
        (before[g] == 0 ? free_head[list_of[g] - 1] == g + 1
                        : listed(before[g], list_of[g] - 1) && heap_next[before[g] - 1] == g + 1);
    predicate freelists = heads && successors && predecessors;
*/

/*@ requires freelists && size_class < XHEAP_CLASSES && granule < XHEAP_GRANULES && list_of[granule] == 0;
    requires free_head[size_class] != 0 ==> after[free_head[size_class] - 1] < XHEAP_GRANULES; // no list is longer
    assigns heap_next[granule], free_head[size_class], list_of[granule], after[granule], before[granule],
            before[\at(free_head[size_class], Pre) - 1];
    ensures freelists && list_of[granule] == size_class + 1 && free_head[size_class] == granule + 1;
    ensures heap_next[granule] == \old(free_head[size_class]);
*/
void freelist_push(uint32_t size_class, uint32_t granule) {
    heap_next[granule] = free_head[size_class];
    /*@ ghost after[granule] = 0; before[granule] = 0; list_of[granule] = size_class + 1;
        if (free_head[size_class] != 0) {
            after[granule] = after[free_head[size_class] - 1] + 1;
            before[free_head[size_class] - 1] = granule + 1;
        } */
    free_head[size_class] = granule + 1;
}

/*@ requires freelists && size_class < XHEAP_CLASSES;
    assigns heap_next[0 .. XHEAP_GRANULES - 1], free_head[size_class], list_of[0 .. XHEAP_GRANULES - 1],
            before[0 .. XHEAP_GRANULES - 1];
    ensures freelists && \result == \old(free_head[size_class]);
    ensures \result != 0 ==> \result <= XHEAP_GRANULES && list_of[\result - 1] == 0 && heap_next[\result - 1] == 0 &&
        \old(list_of[free_head[size_class] - 1]) == size_class + 1;
    ensures \forall integer g; 0 <= g < XHEAP_GRANULES && g != \result - 1 ==>
        list_of[g] == \old(list_of[g]) && heap_next[g] == \old(heap_next[g]);
*/
uint32_t freelist_pop(uint32_t size_class) {
    uint32_t head = free_head[size_class];
    if (!head) return 0;
    free_head[size_class] = heap_next[head - 1];
    /*@ ghost list_of[head - 1] = 0;
        if (heap_next[head - 1] != 0) before[heap_next[head - 1] - 1] = 0; */
    heap_next[head - 1] = 0;
    return head;
}
