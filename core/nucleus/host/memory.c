// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// memory.c - every mapping of domain memory, made once before the first domain runs, then sealed.
//
// One memfd backs [DOMAIN_BASE, MAP_END); each used piece is mapped twice: at its address with its domain's key, and at
// + ALIAS_OFFSET with key 0 for the nucleus. Guard pages are holes: nothing is mapped there under any key.
// Invariant: no address is mapped with a key that is not its owner's; after lockdown no mapping
// changes, but for the keys of the shared heap in its strict mode (arena_strict.c).
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <asm/mman.h>
#include "anchors.h"
#include "host.h"
#include "virtio_ring.h"
#include "xheap.h"

#define PIECES_MAX 1024
#define PROT_RW (PROT_READ | PROT_WRITE)
static struct piece { uint64_t start, bytes; } pieces[PIECES_MAX];
static uint32_t piece_count;
static int backing = -1;

// Found by arithmetic: most of the pieces are stacks, and every submission to a device asks for one.
static bool stack_contains(uint64_t address, size_t bytes) {
    uint64_t offset = address - STACKS_BASE;
    uint32_t d = (uint32_t)(offset / STACK_AREA_BYTES);
    if (d < DOMAIN_MONITOR || d >= domain_count || offset % STACK_AREA_BYTES >= (uint64_t)THREAD_MAX * STACK_STRIDE) return false;
    uint64_t below_top = STACK_STRIDE - offset % STACK_STRIDE;
    return below_top <= domain_table[d].stack_bytes && bytes <= below_top;
}

bool memory_is_mapped(uint64_t address, size_t bytes) {
    if (address - STACKS_BASE < (uint64_t)DOMAIN_MAX * STACK_AREA_BYTES) return stack_contains(address, bytes);
    for (uint32_t i = 0; i < piece_count; i++)
        if (address >= pieces[i].start && address - pieces[i].start < pieces[i].bytes)
            return bytes <= pieces[i].bytes - (address - pieces[i].start);
    return false;
}

static void map_one(uint64_t address, uint64_t bytes, uint64_t offset, uint64_t more) {
    int64_t got = SYSCALL(__NR_mmap, address, bytes, PROT_RW, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | more, backing, offset);
    if (got != (int64_t)address) nucleus_panic("cannot map domain memory at", address);
}

static void map_piece(uint64_t start, uint64_t bytes, uint32_t pkey, bool hot) {
    if (!bytes) return;
    if (piece_count == PIECES_MAX) nucleus_panic("more mappings than PIECES_MAX", piece_count);
    pieces[piece_count++] = (struct piece){start, bytes};
    map_one(start, bytes, start - DOMAIN_BASE, hot ? MAP_POPULATE : 0);
    map_one(start + ALIAS_OFFSET, bytes, start - DOMAIN_BASE, hot ? MAP_POPULATE : 0); // a restart writes it all at once
    rights_protect(start, bytes, pkey, true);
}

static void copy(void *to, const void *from, size_t bytes) { __builtin_memcpy(to, from, bytes); }

void memory_map(void) {
    backing = (int)SYSCALL(__NR_memfd_create, "cloister", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (backing < 0) nucleus_panic("memfd_create", (uint64_t)-backing);
    if (SYSCALL(__NR_ftruncate, backing, MAP_END - DOMAIN_BASE) < 0) die_with("cannot size the memory file; raise the file size limit (ulimit -f)");
    uint64_t public_bytes = (sizeof(struct public) + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t table_bytes = ARENA_BYTES / XHEAP_GRANULE_BYTES * sizeof(struct xheap_owner) + PAGE_BYTES;
    map_piece(PUBLIC_BASE, public_bytes, PKEY_PUBLIC, true);
    map_piece(OWNER_TABLE_BASE, table_bytes, PKEY_PUBLIC, false);
    map_piece(ARENA_BASE, ARENA_BYTES, arena_key, false);
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        const struct domain *domain = &domain_table[d];
        map_piece(domain->data_start, domain->data_bytes, domain->pkey, true);
        copy(alias(domain->data_start), (const void *)domain->pristine, domain->pristine_bytes);
        map_piece(domain->persist_start, domain->persist_bytes, domain->pkey, false);
        map_piece(domain->heap_start, domain->heap_bytes, domain->pkey, false);
        for (uint32_t t = 0; t < THREAD_MAX; t++) {
            map_piece(stack_top(d, t) - domain->stack_bytes, domain->stack_bytes, domain->pkey, false);
        }
        if (domain->rodata_bytes) rights_protect(domain->rodata_start, domain->rodata_bytes, domain->pkey, false);
        lockdown_seal(domain->rodata_start, domain->rodata_bytes);
        lockdown_seal(domain->text_start, domain->text_bytes);
    }
    uint32_t driver = device_table[DEVICE_ENTROPY].domain;
    if (driver) {
        map_piece(WINDOW_ADDRESS(DEVICE_ENTROPY, 0), PAGE_BYTES, domain_table[driver].pkey, true);
        rights_protect(WINDOW_ADDRESS(DEVICE_ENTROPY, 0), PAGE_BYTES, domain_table[driver].pkey, false);
    }
    lockdown_seal(domain_table[0].text_start, domain_table[0].text_bytes);
    lockdown_seal(domain_table[0].rodata_start, domain_table[0].rodata_bytes);
    for (uint32_t i = 0; i < piece_count; i++) {
        if (pieces[i].start != ARENA_BASE || arena_is_sealed) lockdown_seal(pieces[i].start, pieces[i].bytes);
        lockdown_seal(pieces[i].start + ALIAS_OFFSET, pieces[i].bytes);
    }
    // Without these MADV_REMOVE would zero even sealed mappings, and a third mapping could be made.
    SYSCALL(__NR_fcntl, backing, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    SYSCALL(__NR_close, backing);
}

int nucleus_domain_restore(uint32_t domain) {
    if (domain < DOMAIN_FIRST || domain >= domain_count) return -EINVAL;
    const struct domain *of = &domain_table[domain];
    char *data = alias(of->data_start);
    uint64_t from = of->pristine_bytes > SLOTS_BYTES ? SLOTS_BYTES : of->pristine_bytes;
    copy(data + from, (const char *)of->pristine + from, of->pristine_bytes - from);
    __builtin_memset(data + of->pristine_bytes, 0, of->data_bytes - of->pristine_bytes);
    slots_restore(domain);
    return 0;
}

int nucleus_memory_read(uintptr_t address, void *out, size_t bytes) {
    if (!memory_is_mapped(address, bytes) || !memory_is_mapped((uintptr_t)out, bytes)) return -EINVAL;
    copy(alias((uintptr_t)out), alias(address), bytes);
    return 0;
}
