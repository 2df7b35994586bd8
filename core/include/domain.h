// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// domain.h - the tables that the build generates about itself (build/<config>/tables.c).
//
// Both the nucleus (which maps, restores and switches) and the monitor (which decides and reports) link a private
// copy. Index = domain id. They are constant: nothing at run time can add a domain, an edge or a key.
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "address_map_asm.h"

struct domain {
    const char *name;
    uint32_t pkey;            // 0 on backend none
    uint32_t pkru;            // what its gates load; 0 on backend none
    uintptr_t text_start, text_bytes;
    uintptr_t rodata_start, rodata_bytes;   // page aligned; carries the domain's key
    uintptr_t slots;                        // == data_start
    uintptr_t data_start, data_bytes;       // slots, data and bss; page aligned
    uintptr_t pristine, pristine_bytes;     // initial bytes of [data_start, +pristine_bytes); the rest is zero
    uintptr_t persist_start, persist_bytes; // PERSISTENT data (persist.h), page aligned: zero at boot, left alone by a restart; bytes may be 0
    uintptr_t heap_start, heap_bytes;       // private heap; bytes may be 0
    uint32_t stack_bytes;                   // per thread, below STACK_STRIDE - PAGE_BYTES
    uintptr_t resume, resume_end;           // its resume stub; 0 on backend none
    uintptr_t resume_reading;               // the monitor's while it reads this domain's list, as long as the other; 0: it gives nothing
    uintptr_t lends;                        // its struct lends per thread (shared-heap/client.h); 0: it lends nothing
    uintptr_t local_state;                  // a word per granule (client.h): is it in a cache; 0: it has none
    // where its objects come from (shared-heap/client_origins.c); 0: it does not note that
    uintptr_t origins;
    uint64_t shared_bytes_max;              // quota: objects of the shared heap that it may hold at once
    uint32_t shared_objects_max;
};

// The tokens of a give edge, one per pair of domains, from the edge's first index: nobody may know the one by which the
// phase in the monitor is entered but who gives, nor the one by which it is left but the monitor and who receives.
enum { TOKEN_EDGE, TOKEN_MONITOR };                                 // caller's and callee's slots: with each other, with M
enum { MONITOR_TOKEN_CALLER, MONITOR_TOKEN_CALLEE, MONITOR_TOKEN_EDGE }; // monitor's slots

enum edge_kind { EDGE_NONE, EDGE_LIGHT, EDGE_FULL, EDGE_GIVE, EDGE_GIVES, EDGE_NUCLEUS };

struct edge {
    const char *function;     // the exported function's name
    uint8_t caller, callee;   // domain ids
    uint8_t kind;             // enum edge_kind
    uint16_t caller_token, callee_token, monitor_token; // first index into SLOT_TOKENS: one token, for give edges TOKEN_*
    uintptr_t start, ret, unwind, end;      // gate text: first instruction, return half, unwind entry, one past the last
};

struct device {
    const char *name;         // "console", "net0": what the nucleus calls it
    uint8_t domain;           // the one domain that may submit to it; 0: nobody
    uint8_t event;            // signalled when it is ready
};

extern const struct domain domain_table[];
extern const uint32_t domain_count;

// Which domain's memory the monitor may read by pkru: that of the giver in the phase of a GATE_GIVES gate (core/gates/give.S);
// 0 when these are not such rights.
static inline uint32_t domain_read_by_monitor(uint32_t pkru) {
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++)
        if (domain_table[d].resume_reading && (domain_table[DOMAIN_MONITOR].pkru ^ pkru) == 3u << 2 * domain_table[d].pkey) return d;
    return 0;
}

// Whose rights pkru is, among the domains from first on; domain_count when nobody's: an attacker on its way to gate_die.
static inline uint32_t domain_of_rights(uint32_t pkru, uint32_t first) {
    for (uint32_t d = first; d < domain_count; d++)
        if (domain_table[d].pkru == pkru) return d;
    return domain_read_by_monitor(pkru) ? DOMAIN_MONITOR : domain_count;
}
extern const struct edge edge_table[];      // index = edge id

// Is the code at address part of edge's gate?
static inline bool edge_contains(const struct edge *edge, uint64_t address) {
    return address >= edge->start && address < edge->end;
}

// Behind the last byte of thread's stack in domain.
static inline uint64_t stack_top(uint32_t domain, uint32_t thread) {
    return STACKS_BASE + domain * (uint64_t)STACK_AREA_BYTES + (thread + 1) * (uint64_t)STACK_STRIDE;
}
// Its top anchor: 8 mod 16, as if a call had just pushed a return address.
static inline uint64_t stack_base(uint32_t domain, uint32_t thread) { return stack_top(domain, thread) - 56; }

extern const uint32_t edge_count;
extern const struct device device_table[];          // index = device id, fixed by enum device_id in device.h
extern const uint32_t device_count;

// Monitor only (tables of components):
struct component {
    const char *name;
    uint8_t domain;
    uint8_t event;            // the component's event: see thread.h
    int (*init)(uint32_t generation, int persist_valid); // gate (or direct entry) to <component>_init; never NULL
};
struct thread_entry {
    const char *name;         // the function's name
    uint8_t component;        // index into component_table
    uint8_t priority;
    int (*entry)(void);       // gate to it
};
extern const struct component component_table[];    // in init order: callees first
extern const uint32_t component_count;
extern const struct thread_entry thread_table[];
extern const uint32_t thread_entry_count;

// A per-domain constant that the build generates into each domain: its own id, and the bounds of its private heap.
extern const uint8_t domain_self;
extern char domain_heap_start[], domain_heap_end[];

#endif
