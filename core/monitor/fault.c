// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fault.c - one fault, one block for people, one line for machines; then the system stops.
//
// The nucleus said what happened; this names the domain, the address's owner, the function, and the gate by which the
// domain was entered (frames.c). It never prints another domain's registers.
#include <heap_mode.h>
#include "format.h"
#include "monitor.h"
#include "slots_asm.h"
#include "string.h"
#include "symbols.h"
#include "xheap.h"

struct fault monitor_fault_record;

static const char *const kinds[] = {"read", "write", "execute", "illegal-instruction", "protection", "divide",
                                    "alignment", "trap", "system-call"};

static bool is_in(uint64_t address, uint64_t start, uint64_t bytes) { return address - start < bytes; }

#define HEAP_OBJECT "heap"

struct place { const char *owner, *object; uint32_t key; };

static struct place place_of_domain(uint32_t d, uint64_t address) {
    const struct domain *domain = &domain_table[d];
    struct place place = {domain->name, NULL, domain->pkey};
    uint64_t stacks = STACKS_BASE + d * (uint64_t)STACK_AREA_BYTES;
    if (is_in(address, domain->data_start, SLOTS_BYTES)) place.object = "slots";
    else if (is_in(address, domain->data_start, domain->data_bytes)) place.object = "data";
    else if (is_in(address, domain->persist_start, domain->persist_bytes)) place.object = "persistent data";
    else if (is_in(address, domain->rodata_start, domain->rodata_bytes)) place.object = "rodata";
    else if (is_in(address, domain->heap_start, domain->heap_bytes)) place.object = "private heap";
    else if (is_in(address, domain->text_start, domain->text_bytes)) place.object = "text", place.key = 0;
    else if (d && is_in(address, stacks, STACK_AREA_BYTES))
        place.object = STACK_STRIDE - (address - stacks) % STACK_STRIDE <= domain->stack_bytes ? "stack" : "guard page";
    return place;
}

static struct place place_of(uint64_t address) {
    for (uint32_t d = 0; d < domain_count; d++) {
        struct place place = place_of_domain(d, address);
        if (place.object) return place;
    }
    if (xheap_contains((void *)address)) {
        uint8_t owner = xheap_owner_of((void *)address, 1);
        const char *name = owner && owner < domain_count ? domain_table[owner].name : "nobody";
        return (struct place){name, HEAP_OBJECT, heap_key_of((void *)address)};
    }
    uint64_t device = (address - DEVICE_WINDOWS_BASE) / DEVICE_WINDOW_BYTES;
    if (address >= DEVICE_WINDOWS_BASE && device < device_count) {
        const struct domain *owner = &domain_table[device_table[device].domain];
        return (struct place){owner->name, "device window", owner->pkey};
    }
    if (is_in(address, PUBLIC_BASE, sizeof(struct public))) return (struct place){"monitor", "public", PKEY_PUBLIC};
    if (is_in(address, OWNER_TABLE_BASE, ARENA_BYTES / XHEAP_GRANULE_BYTES * 8 + PAGE_BYTES))
        return (struct place){"monitor", "owner-table", PKEY_PUBLIC};
    return (struct place){"nobody", address < PAGE_BYTES ? "null page" : "unmapped", 0};
}

void fault_report(void) {
    const struct fault *fault = &monitor_fault_record;
    bool named = fault->domain < domain_count && !monitor_is_gate_die(fault->rip);
    const char *domain = named ? domain_table[fault->domain].name : "unknown"; // at gate_die the rights are the victim's
    struct place place = fault->kind <= FAULT_EXECUTE ? place_of(fault->address)
                       : (struct place){domain, monitor_is_gate_die(fault->rip) ? "gate check" : "instruction", 0};
    const struct edge *edge = named ? frames_entry(fault->domain, fault->anchor[fault->domain]) : NULL;
    char at[160], from[160] = "-";
    symbol_format(at, sizeof at, fault->rip);
    uint64_t site = edge ? frames_site(fault->anchor[edge->caller]) : 0;
    if (site) symbol_format(from, sizeof from, site - 1);
    const char *caller = edge ? domain_table[edge->caller].name : "-", *gate = edge ? edge->function : "-";

    say("FAULT domain=%s gen=1 %s 0x%llx key=%u owner=%s object='%s'\n", domain, kinds[fault->kind],
        (unsigned long long)fault->address, place.key, place.owner, place.object);
    // In strict mode alone does the heap fault, and keys are domain ids.
    if (place.object && !strcmp(place.object, HEAP_OBJECT) && place.key < domain_count)
        say("  the page is keyed to %s: was the object given, freed or lent, or is the loan over?\n",
            domain_table[place.key].name);
    say("  at %s, entered by gate %s from %s:%s\n", at, gate, caller, from);
    say("  action: the system stops (unwinding and restart are not built yet)\n");
    say("FAULTREC domain=%s gen=1 kind=%s address=0x%llx key=%u owner=%s object='%s' thread=%u gate=%s caller=%s\n", domain,
        kinds[fault->kind], (unsigned long long)fault->address, place.key, place.owner, place.object, fault->thread, gate, caller);
    monitor_stop(1);
}
