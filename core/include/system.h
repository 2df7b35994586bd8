// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// system.h - the system as a whole: what it consists of, what it has done, and how to end it.
//
// Interface:
//   system_about                                                    one row
//   system_domains, system_components, system_edges, system_threads lists, read in batches
//   system_objects                                                  what the shared heap holds, a chunk at a time
//   system_stop                                                     the end, or a new start
// Who owns what in the shared heap needs no call: owner_table (xheap.h) is there for everybody to read.
//
// The rows are written by the monitor into the caller's object in the shared heap, which everybody can write: they
// are for people, and a decision on them would be a mistake. They name domains, functions, counts and times; never a
// token, a register or an address. Invariant: what uses a function of this header has an edge to it in audit.json;
// nobody else can call it. Source of the idea: the batched lists of Zircon's object_get_info.
#ifndef CORE_SYSTEM_H
#define CORE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

#define SYSTEM_NAME_BYTES 32   // of a name, its NUL included; longer ones are cut
#define SYSTEM_BATCH_MAX 32    // rows per call: the monitor is not preempted meanwhile

struct system_about {
    uint64_t start_ns;         // when the nucleus was entered, on the clock of time_now_ns()
    uint64_t idle_tsc;         // TSC cycles during which no thread could run
    uint32_t domains, components, edges, threads; // rows of each list
    uint32_t has_keys;         // 0: backend none, where calls are function calls
    uint32_t counts_calls;     // 0: no gate counts (CONFIG_GATE_COUNT is off, or backend none)
};

enum system_domain_state {
    SYSTEM_DOMAIN_STARTING,    // some init has not returned yet
    SYSTEM_DOMAIN_RUNNING,
    SYSTEM_DOMAIN_ENDED,       // it faulted; it will start again, soon or after the back-off
    SYSTEM_DOMAIN_DOWN,        // it faulted too often in a row, and stays so
};

struct system_domain {         // row number = domain id
    char name[SYSTEM_NAME_BYTES];
    uint64_t heap_bytes;       // private heap
    uint64_t charged_bytes;    // objects of the shared heap that it took from the monitor and that have not come back
    uint64_t most_bytes;       // the most there ever were
    uint64_t quota_bytes;      // how many of them it may have
    uint32_t charged_objects, most_objects, quota_objects; // the same in objects
    uint32_t refusals;         // how often the quota made it get fewer than it wanted
    uint32_t misuses;          // what it did to objects that may not be done (enum xheap_operation)
    uint32_t stack_bytes;      // per thread
    uint32_t pkey;             // 0 on backend none
    uint32_t generation;       // starts so far; 0 for the nucleus, which never starts again
    uint32_t state;            // enum system_domain_state
    uint32_t restarts;         // how often it started again
    uint32_t pad;
};

struct system_component {
    char name[SYSTEM_NAME_BYTES];
    uint32_t domain;
    uint32_t event;            // its event, which is also that of its lock
};

struct system_edge {
    char function[SYSTEM_NAME_BYTES];
    uint64_t calls;            // since the start; 0 when nothing counts
    uint64_t copied_bytes;     // by the stubs of these calls: private memory that was lent, and copy_in
    uint32_t caller, callee;   // domains
    uint32_t kind;             // enum edge_kind (domain.h)
    uint32_t pad;
};

#define SYSTEM_SITE_BYTES 72   // of a place in the sources, its NUL included; longer ones are cut

// CACHED: free, in a cache of its owner, or on its way out. What a domain alone knows is its own word.
enum system_object_state { SYSTEM_OBJECT_USED, SYSTEM_OBJECT_CACHED, SYSTEM_OBJECT_LENT };

struct system_object {         // of the shared heap
    uint32_t granule;          // where it starts, in XHEAP_GRANULE_BYTES (xheap.h) from the start of the heap
    uint32_t bytes;
    uint32_t owner;            // domain (a child's: its root's), or XHEAP_ORPHAN
    uint32_t payer;            // domain that it is charged to
    uint32_t state;            // enum system_object_state
    char site[SYSTEM_SITE_BYTES]; // where it was allocated or received, "function file:line"; "" when that is not known
};

#define SYSTEM_NO_EVENT UINT32_MAX

struct system_thread {         // row number = thread
    char name[SYSTEM_NAME_BYTES]; // of the function that it runs
    uint64_t deadline_ns;      // until when it waits: DEADLINE_NEVER (thread.h) when it does not, or for no time
    uint32_t component;        // whose function it is: row of its list; UINT32_MAX for thread 0, the boot
    uint32_t state;            // enum thread_state (public.h)
    uint32_t priority;
    uint32_t event;            // what it waits for; SYSTEM_NO_EVENT
};

// The system in numbers: fills *out. Returns 0. Does not block.
GATE(monitor) int system_about(lend_out(sizeof(struct system_about)) struct system_about *out);

// Rows first, first + 1, ... of a list, at most max (1..SYSTEM_BATCH_MAX) of them. Returns how many rows were filled,
// fewer than max only at the end, 0 behind it; -EINVAL for max out of range. The lists never change their length; a
// reader of several batches sees each row at another moment. None of them blocks; system_edges costs one call of the
// nucleus per row.
GATE(monitor) int system_domains(uint32_t first, lend_out(max * sizeof(struct system_domain)) struct system_domain *out,
                                 size_t max);
GATE(monitor) int system_components(uint32_t first,
                                    lend_out(max * sizeof(struct system_component)) struct system_component *out,
                                    size_t max);
GATE(monitor) int system_edges(uint32_t first, lend_out(max * sizeof(struct system_edge)) struct system_edge *out,
                               size_t max);
GATE(monitor) int system_threads(uint32_t first, lend_out(max * sizeof(struct system_thread)) struct system_thread *out,
                                 size_t max);

// The objects that have an owner and start at granule first or behind it in the same chunk (XHEAP_CHUNK_GRANULES).
// Returns how many rows were filled: fewer than max when there are no more in this chunk; -EINVAL for max out of range,
// or first behind the heap.
GATE(monitor) int system_objects(uint32_t first, lend_out(max * sizeof(struct system_object)) struct system_object *out,
                                 size_t max);

enum system_stop { SYSTEM_SHUTDOWN, SYSTEM_REBOOT };

// The exit status that asks whoever started the system to start the same image again (sysexits.h: EX_TEMPFAIL). 0 is
// a shutdown.
#define SYSTEM_STATUS_REBOOT 75

// Ends the system at once: no thread runs any further, no component is told, nothing is saved. SYSTEM_SHUTDOWN ends
// it with exit status 0; SYSTEM_REBOOT with SYSTEM_STATUS_REBOOT, upon which scripts/run.py starts it again (by
// itself it does not). Returns only -EINVAL, for another how.
GATE(monitor) int system_stop(uint32_t how);

#endif
