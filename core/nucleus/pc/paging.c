// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// paging.c - the one set of page tables: which bytes CPL 3 can reach, and under which key.
//
// Built through boot.S's identity map, which ends when CR3 is loaded; domain memory that is not filled from the image
// gets its pages when it is first touched (memory_touch). Invariant: no page is writable and executable, and no text
// has a writable mapping, for ring 0 either; user text has key 0, which every domain is denied, so it can only be
// executed; each frame of domain memory appears under one key, and once more for ring 0 at + ALIAS_OFFSET; no entry
// ever changes once it is present, but for the keys of the shared heap in its strict mode, so that nothing else has to
// be flushed. What is in no range does not exist: guard pages are holes.
#include "pc.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_UNCACHED 0x18ull
#define PTE_LARGE 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_KEY(key) ((uint64_t)(key) << 59)
#define PTE_ADDRESS 0xffffffffff000ull
#define TABLE_ENTRIES 512
#define LARGE_PAGE_BYTES 0x200000ull
#define LEVEL_4_SHIFT 39
#define LEVEL_2_SHIFT 21
#define LEVEL_1_SHIFT 12

#define OWNER_TABLE_BYTES (ARENA_BYTES / 256 * 8 + ARENA_BYTES / 65536) // with chunk_class behind it

extern char gates_start[], gates_end[]; // bounds of the gates' text, from the linker script

static uintptr_t level4;

// The entry for address in the table whose entries map 1 << last bytes each; NULL when a table on the way is missing
// and not to be made. The rights of an upper level are the union of what lies below; the leaf decides.
static uint64_t *entry_of(uintptr_t address, unsigned last, bool is_made) {
    uint64_t *table = frame_memory(level4);
    for (unsigned shift = LEVEL_4_SHIFT; shift > last; shift -= 9) {
        uint64_t *entry = &table[address >> shift & (TABLE_ENTRIES - 1)];
        if ((*entry & PTE_PRESENT) == 0) {
            if (!is_made) return NULL;
            *entry = frame_take() | PTE_PRESENT | PTE_WRITE | PTE_USER;
        }
        table = frame_memory(*entry & PTE_ADDRESS);
    }
    return &table[address >> last & (TABLE_ENTRIES - 1)];
}

static void page_map(uintptr_t address, uintptr_t frame, uint64_t rights) {
    uint64_t *entry = entry_of(address, rights & PTE_LARGE ? LEVEL_2_SHIFT : LEVEL_1_SHIFT, true);
    if (*entry != 0) nucleus_panic("two things at one address:", address);
    *entry = frame | rights | PTE_PRESENT;
}

// Part of the loaded image, where the loader put it, at + offset.
static void image_map(uintptr_t start, size_t bytes, uintptr_t offset, uint64_t rights) {
    for (uintptr_t page = start & -PAGE_BYTES; page < start + bytes; page += PAGE_BYTES)
        page_map(page + offset, page - TEXT_BASE + PHYSICAL_BASE, rights);
}

// ---- domain memory: where it lies, and under which key

struct range { uintptr_t start; size_t bytes; uint32_t key; };

static bool is_within(uintptr_t address, size_t bytes, const struct range *range) {
    return address >= range->start && address - range->start <= range->bytes &&
           bytes <= range->bytes - (address - range->start);
}

// The range of domain memory that holds all of [address, +bytes), or false: attack A31 ends here.
static bool range_find(uintptr_t address, size_t bytes, struct range *found) {
    const struct range shared[] = { { PUBLIC_BASE, sizeof(struct public), PKEY_PUBLIC },
                                    { OWNER_TABLE_BASE, OWNER_TABLE_BYTES, PKEY_PUBLIC },
                                    { ARENA_BASE, ARENA_BYTES, arena_key } };
    for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
        *found = shared[i];
        if (is_within(address, bytes, found)) return true;
    }
    uintptr_t stack = address - STACKS_BASE;
    uint32_t thread = (uint32_t)(stack % STACK_AREA_BYTES / STACK_STRIDE);
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) {
        const struct domain *domain = &domain_table[id];
        *found = (struct range){ domain->data_start, domain->data_bytes, domain->pkey };
        if (is_within(address, bytes, found)) return true;
        *found = (struct range){ domain->persist_start, domain->persist_bytes, domain->pkey };
        if (is_within(address, bytes, found)) return true;
        *found = (struct range){ domain->heap_start, domain->heap_bytes, domain->pkey };
        if (is_within(address, bytes, found)) return true;
        if (stack / STACK_AREA_BYTES != id || thread >= THREAD_MAX) continue;
        *found = (struct range){ stack_top(id, thread) - domain->stack_bytes, domain->stack_bytes, domain->pkey };
        if (is_within(address, bytes, found)) return true;
    }
    return false;
}

// Under its key for CPL 3, and for ring 0 at the alias.
static void domain_page_map(uintptr_t page, uint32_t key) {
    uintptr_t frame = frame_take();
    page_map(page + ALIAS_OFFSET, frame, PTE_WRITE | PTE_NX);
    page_map(page, frame, PTE_USER | PTE_WRITE | PTE_NX | PTE_KEY(key));
}

// Gives all of [address, +bytes) its pages. False when it is not inside one range of domain memory. Keys are not asked:
// whoever touches what is not its own gets the page made, and then the CPU's own refusal.
bool memory_touch(uintptr_t address, size_t bytes) {
    struct range range;
    if (!range_find(address, bytes, &range)) return false;
    for (uintptr_t page = address & -PAGE_BYTES; page < address + bytes; page += PAGE_BYTES)
        if (*entry_of(page, LEVEL_1_SHIFT, true) == 0) domain_page_map(page, range.key);
    return true;
}

bool memory_is_present(uintptr_t address) {
    if (address >= FRAMES_BASE) return false; // there pages are large
    const uint64_t *entry = entry_of(address, LEVEL_1_SHIFT, false);
    return entry != NULL && *entry != 0;
}

// Ring 0 never follows an address that it was given but through here (attack A31).
void *alias_checked(uintptr_t address, size_t bytes) { return memory_touch(address, bytes) ? alias_of(address) : NULL; }

// For a page that memory_touch() has made; the caller has the CPU forget what it knew of it.
void page_key_set(uintptr_t page, uint32_t key) {
    uint64_t *entry = entry_of(page, LEVEL_1_SHIFT, false);
    *entry = (*entry & ~PTE_KEY(15)) | PTE_KEY(key);
}

// ---- the image and ring 0's own

// Through the new alias, after CR3: the loader never touched the domain's own pages.
static void domain_fill(uint32_t id) {
    const struct domain *domain = &domain_table[id];
    const uint64_t *pristine = (const uint64_t *)domain->pristine; // both page aligned, a multiple of 64 bytes
    uint64_t *data = alias_checked(domain->data_start, domain->pristine_bytes);
    size_t words = domain->pristine_bytes / 8;
    __asm__ volatile("rep movsq" : "+D"(data), "+S"(pristine), "+c"(words) : : "memory");
}

// What nobody touched is zero when it is made.
int nucleus_domain_restore(uint32_t domain) {
    if (domain < DOMAIN_FIRST || domain >= domain_count) return -EINVAL;
    const struct domain *of = &domain_table[domain];
    for (uintptr_t at = SLOTS_BYTES; at < of->data_bytes; at += PAGE_BYTES) {
        if (!memory_is_present(of->data_start + at)) continue;
        uint64_t *data = alias_of(of->data_start + at);
        const uint64_t *pristine = (const uint64_t *)(of->pristine + at);
        size_t left = at < of->pristine_bytes ? of->pristine_bytes - at : 0;
        size_t known = (left < PAGE_BYTES ? left : PAGE_BYTES) / 8, rest = PAGE_BYTES / 8 - known;
        __asm__ volatile("rep movsq" : "+D"(data), "+S"(pristine), "+c"(known) : : "memory");
        __asm__ volatile("rep stosq" : "+D"(data), "+c"(rest) : "a"(0ull) : "memory");
    }
    slots_restore(domain);
    return 0;
}

static void domain_map(uint32_t id) {
    const struct domain *domain = &domain_table[id];
    uint64_t user = id == DOMAIN_NUCLEUS ? 0 : PTE_USER;
    image_map(domain->text_start, domain->text_bytes, 0, user);
    image_map(domain->rodata_start, domain->rodata_bytes, 0, user | PTE_NX | PTE_KEY(user == 0 ? 0 : domain->pkey));
    if (id == DOMAIN_NUCLEUS) image_map(domain->data_start, domain->data_bytes, 0, PTE_WRITE | PTE_NX);
    else image_map(domain->pristine, domain->pristine_bytes, 0, PTE_NX);
}

static void frames_map(uintptr_t start, uintptr_t end) {
    while (start < end) {
        bool is_large = start % LARGE_PAGE_BYTES == 0 && end - start >= LARGE_PAGE_BYTES;
        page_map(start + FRAMES_BASE, start, PTE_WRITE | PTE_NX | (is_large ? PTE_LARGE : 0));
        start += is_large ? LARGE_PAGE_BYTES : PAGE_BYTES;
    }
}

void *mmio_map(uintptr_t address) {
    uintptr_t page = address & -PAGE_BYTES;
    if (address == 0 || address >= MMIO_LIMIT) return NULL;
    if (*entry_of(page + MMIO_BASE, LEVEL_1_SHIFT, true) == 0)
        page_map(page + MMIO_BASE, page, PTE_WRITE | PTE_NX | PTE_UNCACHED);
    return (void *)(address + MMIO_BASE);
}

void window_map(uintptr_t address, uintptr_t frame, uint32_t key, bool is_writable) {
    page_map(address, frame, PTE_USER | PTE_NX | PTE_KEY(key) | (is_writable ? PTE_WRITE : 0));
}

void paging_start(void) {
    const struct domain *monitor = &domain_table[DOMAIN_MONITOR];
    frames_start();
    level4 = frame_take();
    for (uint32_t id = 0; id < domain_count; id++) domain_map(id);
    image_map((uintptr_t)gates_start, (size_t)(gates_end - gates_start), 0, PTE_USER);
    image_map(monitor->rodata_start, monitor->rodata_bytes, ALIAS_OFFSET, PTE_NX); // panic.c reads its symbol table
    frames_each(frames_map);
    __asm__ volatile("mov %0, %%cr3" : : "r"(level4) : "memory"); // the true point at which W^X and the alias hold
    frames_move();
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) domain_fill(id);
    memory_touch(PUBLIC_BASE, sizeof(struct public)); // public_writable() does not ask
}
