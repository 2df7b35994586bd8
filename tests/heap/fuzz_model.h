// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fuzz_model.h - the reference model of the exchange heap: a table of objects, written from xheap.h and heap_monitor.h
// alone.
//
// Interface:
//   model_refill .. model_part    what an export of the monitor must answer, and does to the table
//   model_move, model_crash, model_drop   give; a domain's death; a thread that has left
//   model_part_with               the error of xheap_free() and xheap_pass()
//   model_compare                 the whole table of the real heap, its free lists and accounts, against this one
// Invariant: objects[] is indexed by first granule; what is no object's start has no class.
// It does not predict which object is handed out: it learns that, and refuses one that is not free.
#ifndef TESTS_HEAP_FUZZ_MODEL_H
#define TESTS_HEAP_FUZZ_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "heap_system.h"

#define FRAMES_MAX 10
#define LOANS_MAX 128
#define NESTING 4
#define NONE UINT32_MAX

struct object {
    uint8_t state;             // OBJECT_*
    uint8_t size_class, charged;
    uint8_t owner;             // of a root; OBJECT_ORPHAN: who died
    bool untrusted;            // of a root
    bool live;                 // allocated from, or arrived at, a domain that runs client*.c: not in a cache
    bool passed;               // and about to leave
    bool lost;                 // arrived where nobody waits for it
    bool busy;                 // named by an operation that another thread interrupted
    uint32_t root;             // itself when it is nobody's child
    uint32_t children, first, next;
    uint32_t life;             // changes whenever handles must end
    uint32_t held;             // its place in model_held
};
enum { OBJECT_NONE, OBJECT_FREE, OBJECT_HELD, OBJECT_ORPHAN };

struct loans { uint32_t count, granule[LOANS_MAX]; };
struct passing { uint32_t depth, base[NESTING], count, granule[2 * GIVE_MAX]; };

extern struct object model[XHEAP_GRANULES];
extern uint32_t model_held[XHEAP_GRANULES], model_held_count; // held objects and orphans, for random choice
extern struct loans model_loans[HEAP_DOMAINS][THREAD_MAX];    // of honest domains
extern struct passing model_passing[HEAP_DOMAINS][THREAD_MAX];
extern uint64_t model_orphans, model_refusals;

void fuzz_fail(const char *file, int line, const char *what);
#define expect(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline uint32_t model_owner(uint32_t granule) { // 0: free, or no object's start
    const struct object *root = &model[model[granule].root];
    return model[granule].state == OBJECT_HELD ? root->owner : model[granule].state == OBJECT_ORPHAN ? XHEAP_ORPHAN : 0;
}
static inline bool model_is_child(uint32_t granule) { return model[granule].root != granule; }
bool model_is_lent(uint32_t domain, uint32_t granule);
uint32_t model_start(uint64_t address);                    // of the object that contains it, free or not; NONE
int model_part_with(uint32_t domain, uint64_t address);   // 0 when it could be freed or passed

void model_reset(void);
void model_refill(uint32_t domain, uint64_t size_class, uint64_t count, int result);
void model_drain(uint32_t domain, const uint64_t words[6], int result);
void model_join(uint32_t domain, uint64_t root, const uint64_t words[5], int result);
void model_part(uint32_t domain, uint64_t child, int result);
void model_free(uint32_t root);                            // back with the monitor, children included
bool model_move(uint32_t from, uint32_t to, uint64_t address); // what the phase of a give gate does; whether it moved
uint32_t model_crash(uint32_t domain, uint64_t inside);    // returns how many objects heap_reclaim() frees
uint32_t model_drop(uint32_t thread);
void model_compare(void);

#endif
