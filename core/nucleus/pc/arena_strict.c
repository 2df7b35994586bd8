// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// arena_strict.c - the shared heap in strict mode: the monitor has pages of it change their key.
//
// An entry changes by one store, so that no walk sees half of it, and what this CPU's TLB knew is dropped before the
// monitor goes on. One CPU exists. With several, what nucleus.h demands goes between the two loops: an interrupt to
// each CPU in the mask of those that have loaded the old key's rights since their last flush, which they acknowledge
// from ring 0 (so never from inside a gate), while this one waits with its interrupts on, lest two shoot at each other
// for ever; a CPU whose interrupts are off is in ring 0 and flushes before it leaves. The monitor, which runs on one
// CPU at a time, holds its lock meanwhile.
#include "pc.h"

#define FLUSH_ALL_PAGES 32         // from here on forgetting everything costs less

const uint32_t arena_key = DOMAIN_MONITOR;

int nucleus_page_rekey(uintptr_t address, size_t pages, uint32_t domain) {
    uintptr_t offset = address - ARENA_BASE;
    if (offset % PAGE_BYTES != 0 || offset >= ARENA_BYTES) return -EINVAL;
    if (pages > (ARENA_BYTES - offset) / PAGE_BYTES) return -EINVAL;
    if (domain < DOMAIN_MONITOR || domain >= domain_count) return -EINVAL;
    if (!memory_touch(address, pages * PAGE_BYTES)) return -EINVAL;
    uintptr_t end = address + pages * PAGE_BYTES;
    for (uintptr_t page = address; page < end; page += PAGE_BYTES) page_key_set(page, domain_table[domain].pkey);
    if (pages >= FLUSH_ALL_PAGES) {
        __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
        return 0;
    }
    for (uintptr_t page = address; page < end; page += PAGE_BYTES)
        __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
    return 0;
}
