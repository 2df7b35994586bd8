// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap.c - the shared heap by owner, out of the owner table, which everybody can read and only the monitor can write.
//
// The table changes while it is read, so sums of a busy system need not add up to the last object.
#include "xheap.h"
#include "shell_commands.h"
#include "out.h"
#include "system.h"

struct share { uint64_t objects, bytes; };

#define CHUNK_GRANULES (XHEAP_CHUNK_BYTES / XHEAP_GRANULE_BYTES)

// Adds up shares[owner], owner 0: free. Returns the bytes of chunks that were never used.
static uint64_t heap_walk(struct share shares[DOMAIN_MAX]) {
    uint64_t unused_bytes = 0;
    for (uint32_t chunk = 0; chunk < ARENA_BYTES / XHEAP_CHUNK_BYTES; chunk++) {
        uint32_t size_class = chunk_class[chunk];
        if (!size_class || size_class > XHEAP_CLASSES) {
            unused_bytes += XHEAP_CHUNK_BYTES;
            continue;
        }
        uint32_t step = 1u << (size_class - 1);
        for (uint32_t granule = 0; granule < CHUNK_GRANULES; granule += step) {
            uint8_t owner = xheap_entry_owner(owner_table[chunk * CHUNK_GRANULES + granule].owner_link);
            if (owner >= DOMAIN_MAX)
                continue;
            shares[owner].objects++;
            shares[owner].bytes += (uint64_t)step * XHEAP_GRANULE_BYTES;
        }
    }
    return unused_bytes;
}

void command_heap(void) {
    static struct system_domain domains[DOMAIN_MAX];
    struct share shares[DOMAIN_MAX] = {0};
    char bytes[OUT_SIZE_BYTES], charged[OUT_SIZE_BYTES], quota[OUT_SIZE_BYTES], all[OUT_SIZE_BYTES];
    int count = system_domains(0, domains, DOMAIN_MAX);
    if (count < 0)
        return;
    uint64_t unused_bytes = heap_walk(shares);
    out_line("%-15s %9s %11s %11s %11s", "owner", "objects", "size", "charged", "quota");
    for (uint32_t d = DOMAIN_MONITOR; d < (uint32_t)count && d < DOMAIN_MAX; d++) {
        if (!shares[d].objects && !domains[d].charged_bytes)
            continue;
        out_line("%-15.15s %9lu %11s %11s %11s", out_name(domains[d].name, sizeof(domains[d].name)), shares[d].objects,
                 out_size(bytes, shares[d].bytes), out_size(charged, domains[d].charged_bytes),
                 out_size(quota, domains[d].quota_bytes));
    }
    out_line("%-15s %9lu %11s", "free", shares[0].objects, out_size(bytes, shares[0].bytes));
    out_line("%-15s %9s %11s", "never used", "", out_size(bytes, unused_bytes));
    out_line("%s in all; free objects in the cache of a domain count as its own", out_size(all, ARENA_BYTES));
}
