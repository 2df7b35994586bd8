// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// paging.c - the one set of page tables: which bytes CPL 3 can reach, and under which key.
//
// Built once, through boot.S's identity map, which ends when CR3 is loaded: from then on neither the tables nor any
// text has a writable mapping, for ring 0 either. Invariant: no page is writable and executable; user text has key 0,
// which every domain is denied, so it can only be executed; each frame of domain memory appears under one key, and
// once more for ring 0 at + ALIAS_OFFSET. What is not mapped here does not exist: guard pages are holes.
#include "pc.h"
#include "start_info.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_NX (1ull << 63)
#define PTE_KEY(key) ((uint64_t)(key) << 59)
#define PTE_ADDRESS 0xffffffffff000ull
#define TABLE_ENTRIES 512

#define OWNER_TABLE_BYTES (ARENA_BYTES / 256 * 8 + ARENA_BYTES / 65536) // with chunk_class behind it

// Bounds of the gates' text and of the image, from the linker script.
extern char gates_start[], gates_end[], image_end[];

static uint64_t *level4;
static uintptr_t frame_next, frame_end;

static uintptr_t frame_take(void) {
    if (frame_next >= frame_end) die_with("this machine has too little memory; start QEMU with -m 512 or more");
    uint64_t *words = (uint64_t *)frame_next;
    for (size_t i = 0; i < PAGE_BYTES / 8; i++) words[i] = 0;
    frame_next += PAGE_BYTES;
    return (uintptr_t)words;
}

// The rights of an upper level are the union of what lies below; the leaf decides.
static uint64_t *table_below(uint64_t *entry) {
    if ((*entry & PTE_PRESENT) == 0) *entry = frame_take() | PTE_PRESENT | PTE_WRITE | PTE_USER;
    return (uint64_t *)(*entry & PTE_ADDRESS);
}

static void page_map(uintptr_t address, uintptr_t frame, uint64_t rights) {
    uint64_t *table = level4;
    for (unsigned shift = 39; shift > 12; shift -= 9) table = table_below(&table[address >> shift & (TABLE_ENTRIES - 1)]);
    uint64_t *entry = &table[address >> 12 & (TABLE_ENTRIES - 1)];
    if (*entry != 0) nucleus_panic("two things at one address", address);
    *entry = frame | rights | PTE_PRESENT;
}

// Part of the loaded image, where the loader put it.
static void image_map(uintptr_t start, size_t bytes, uint64_t rights) {
    for (uintptr_t page = start & -PAGE_BYTES; page < start + bytes; page += PAGE_BYTES)
        page_map(page, page - TEXT_BASE + PHYSICAL_BASE, rights);
}

// Fresh zeroed frames: for CPL 3 under key, and for ring 0 at the alias.
static void memory_map(uintptr_t start, size_t bytes, uint32_t key) {
    for (uintptr_t page = start; page < start + bytes; page += PAGE_BYTES) {
        uintptr_t frame = frame_take();
        page_map(page, frame, PTE_USER | PTE_WRITE | PTE_NX | PTE_KEY(key));
        page_map(page + ALIAS_OFFSET, frame, PTE_WRITE | PTE_NX);
    }
}

// Through the new alias, after CR3: the loader never touched the domain's own pages.
static void domain_fill(uint32_t id) {
    const struct domain *domain = &domain_table[id];
    const uint8_t *pristine = (const uint8_t *)domain->pristine;
    uint8_t *data = alias_of(domain->data_start);
    for (size_t i = 0; i < domain->pristine_bytes; i++) data[i] = pristine[i];
}

static void domain_map(uint32_t id) {
    const struct domain *domain = &domain_table[id];
    uint64_t user = id == DOMAIN_NUCLEUS ? 0 : PTE_USER;
    image_map(domain->text_start, domain->text_bytes, user);
    image_map(domain->rodata_start, domain->rodata_bytes, user | PTE_NX | PTE_KEY(user == 0 ? 0 : domain->pkey));
    if (id == DOMAIN_NUCLEUS) {
        image_map(domain->data_start, domain->data_bytes, PTE_WRITE | PTE_NX);
        return;
    }
    image_map(domain->pristine, domain->pristine_bytes, PTE_NX);
    memory_map(domain->data_start, domain->data_bytes, domain->pkey);
    memory_map(domain->persist_start, domain->persist_bytes, domain->pkey);
    memory_map(domain->heap_start, domain->heap_bytes, domain->pkey);
    for (uint32_t thread = 0; thread < THREAD_MAX; thread++)
        memory_map(stack_top(id, thread) - domain->stack_bytes, domain->stack_bytes, domain->pkey);
}

// The frames behind the image, up to the end of the memory in which it lies.
static void frames_find(const struct hvm_start_info *info) {
    const struct hvm_memory *map = (const struct hvm_memory *)info->memory_map;
    frame_next = (((uintptr_t)image_end - TEXT_BASE + PHYSICAL_BASE) + PAGE_BYTES - 1) & -PAGE_BYTES;
    for (uint32_t i = 0; info->version >= 1 && i < info->memory_map_entries; i++) {
        uintptr_t end = map[i].address + map[i].bytes;
        if (map[i].type == HVM_MEMORY_RAM && map[i].address <= PHYSICAL_BASE && end > frame_next)
            frame_end = end < BOOT_MAP_BYTES ? end & -PAGE_BYTES : BOOT_MAP_BYTES;
    }
}

void paging_start(const struct hvm_start_info *info) {
    frames_find(info);
    level4 = (uint64_t *)frame_take();
    for (uint32_t id = 0; id < domain_count; id++) domain_map(id);
    image_map((uintptr_t)gates_start, (size_t)(gates_end - gates_start), PTE_USER);
    memory_map(PUBLIC_BASE, sizeof(struct public), PKEY_PUBLIC);
    memory_map(OWNER_TABLE_BASE, OWNER_TABLE_BYTES, PKEY_PUBLIC);
    memory_map(ARENA_BASE, ARENA_BYTES, PKEY_ARENA);
    __asm__ volatile("mov %0, %%cr3" : : "r"(level4) : "memory"); // the true point at which W^X and the alias hold
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) domain_fill(id);
}

static bool is_within(uintptr_t address, size_t bytes, uintptr_t start, size_t length) {
    return address >= start && address - start <= length && bytes <= length - (address - start);
}

// Ring 0 never follows an address that it was given but through here (attack A31).
void *alias_checked(uintptr_t address, size_t bytes) {
    bool is_inside = is_within(address, bytes, PUBLIC_BASE, sizeof(struct public)) ||
                     is_within(address, bytes, ARENA_BASE, ARENA_BYTES);
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count && !is_inside; id++) {
        const struct domain *domain = &domain_table[id];
        uintptr_t stack = address - STACKS_BASE;
        uint32_t thread = (uint32_t)(stack % STACK_AREA_BYTES / STACK_STRIDE);
        is_inside = is_within(address, bytes, domain->data_start, domain->data_bytes) ||
                    is_within(address, bytes, domain->persist_start, domain->persist_bytes) ||
                    is_within(address, bytes, domain->heap_start, domain->heap_bytes) ||
                    (stack / STACK_AREA_BYTES == id && thread < THREAD_MAX &&
                     is_within(address, bytes, stack_top(id, thread) - domain->stack_bytes, domain->stack_bytes));
    }
    return is_inside ? alias_of(address) : NULL;
}
