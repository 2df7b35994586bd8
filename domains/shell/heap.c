// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap.c - the shared heap: who holds how much, how broken up it is, and where objects in use come from.
//
// Free memory is counted in the owner table, in place; what domains hold, in the monitor's rows, which know what lies
// in caches and what is lent. The heap changes meanwhile, so sums of a busy system need not add up to the last object.
#include "xheap.h"
#include "shell_commands.h"
#include "out.h"
#include "string.h"
#include "system.h"
#include "tally.h"

static struct tally tally;

static void load(void) {
    static struct system_object rows[SYSTEM_BATCH_MAX];
    memset(&tally, 0, sizeof(tally));
    for (uint32_t chunk = 0; chunk < XHEAP_CHUNKS && chunk_class[chunk]; chunk++) {
        const uint32_t end = (chunk + 1) * XHEAP_CHUNK_GRANULES;
        for (uint32_t first = chunk * XHEAP_CHUNK_GRANULES; first < end;) {
            int count = system_objects(first, rows, SYSTEM_BATCH_MAX);
            if (count > SYSTEM_BATCH_MAX)
                count = SYSTEM_BATCH_MAX;
            tally_add(&tally, rows, count);
            const uint32_t last = count > 0 ? rows[count - 1].granule : end;
            first = count == SYSTEM_BATCH_MAX && last >= first && last < end ? last + 1 : end;
        }
    }
    tally_sort(&tally);
}

// ---- by owner

typedef char size_text[OUT_SIZE_BYTES];
struct domain_row { size_text owned, cached, lent, given, charged, most, quota; };

static void show_domain(const char *name, const struct tally_domain *sum, const struct system_domain *domain) {
    struct domain_row row;
    out_line("%-15.15s %8s %8s %8s %8s %8s %8s %8s", name, out_size(row.owned, sum->owned),
             out_size(row.cached, sum->cached), out_size(row.lent, sum->lent), out_size(row.given, sum->given),
             out_size(row.charged, domain->charged_bytes),
             out_size(row.most, domain->most_bytes), out_size(row.quota, domain->quota_bytes));
}

// ---- by size

struct size_row { uint32_t chunks, objects, free; };

// Returns how many chunks were never used. A class can break up a chunk only for itself: what is free there is of use
// for it alone.
static uint32_t sizes_load(struct size_row sizes[XHEAP_CLASSES]) {
    uint32_t unused = 0;
    for (uint32_t chunk = 0; chunk < XHEAP_CHUNKS; chunk++) {
        const uint32_t size_class = chunk_class[chunk];
        if (!size_class || size_class > XHEAP_CLASSES) {
            unused++;
            continue;
        }
        struct size_row *size = &sizes[size_class - 1];
        size->chunks++;
        for (uint32_t granule = 0; granule < XHEAP_CHUNK_GRANULES; granule += 1u << (size_class - 1)) {
            size->objects++;
            size->free += !xheap_entry_owner(owner_table[chunk * XHEAP_CHUNK_GRANULES + granule].owner_link);
        }
    }
    return unused;
}

static void show_sizes(void) {
    struct size_row sizes[XHEAP_CLASSES] = {0};
    char each[OUT_SIZE_BYTES], free[OUT_SIZE_BYTES], all[OUT_SIZE_BYTES];
    const uint32_t unused = sizes_load(sizes);
    out_line("%-15s %8s %8s %8s %8s", "size", "chunks", "objects", "free", "bytes");
    for (uint32_t i = 0; i < XHEAP_CLASSES; i++) {
        const uint64_t bytes = (uint64_t)XHEAP_GRANULE_BYTES << i;
        if (sizes[i].chunks)
            out_line("%-15s %8u %8u %8u %8s", out_size(each, bytes), sizes[i].chunks, sizes[i].objects, sizes[i].free,
                     out_size(free, sizes[i].free * bytes));
    }
    out_line("%-15s %8u %8s %8s %8s", "never used", unused, "", "",
             out_size(free, (uint64_t)unused * XHEAP_CHUNK_BYTES));
    out_line("%s in all; owned includes cached and lent, given is what others own and its quota pays",
             out_size(all, ARENA_BYTES));
}

void command_heap(void) {
    static struct system_domain domains[DOMAIN_MAX];
    static const struct system_domain nobody;
    int count = system_domains(0, domains, DOMAIN_MAX); // the first time, asking itself takes objects
    load();
    count = count < 0 ? count : system_domains(0, domains, DOMAIN_MAX);
    if (count < 0)
        return;
    out_line("%-15s %8s %8s %8s %8s %8s %8s %8s", "owner", "owned", "cached", "lent", "given", "charged", "most",
             "quota");
    for (uint32_t d = DOMAIN_MONITOR; d < (uint32_t)count && d < DOMAIN_MAX; d++)
        if (tally.domain[d].objects || domains[d].most_objects)
            show_domain(out_name(domains[d].name, sizeof(domains[d].name)), &tally.domain[d], &domains[d]);
    if (tally.domain[0].objects)
        show_domain("orphans", &tally.domain[0], &nobody);
    show_sizes();
    for (uint32_t d = DOMAIN_MONITOR; d < (uint32_t)count && d < DOMAIN_MAX; d++)
        if (domains[d].refusals || domains[d].misuses)
            out_line("%s: refused by its quota %u times, misused objects %u times",
                     out_name(domains[d].name, sizeof(domains[d].name)),
                     domains[d].refusals, domains[d].misuses);
}

void command_sites(void) {
    domains_load();
    load();
    char bytes[OUT_SIZE_BYTES], each[OUT_SIZE_BYTES];
    out_line("%-15s %8s %8s %8s %s", "owner", "bytes", "objects", "size", "allocated or received at");
    for (uint32_t i = 0; i < tally.sites; i++) {
        struct tally_site *site = &tally.site[i];
        out_line("%-15.15s %8s %8u %8s %s", site->owner ? domain_name(site->owner) : "orphans",
                 out_size(bytes, (uint64_t)site->bytes * site->objects), site->objects, out_size(each, site->bytes),
                 site->site[0] ? out_text(site->site, sizeof(site->site)) : "-");
    }
    if (tally.unlisted)
        out_line("%u objects more, of other places", tally.unlisted);
}
