// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_system.c - see heap_system.h.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "heap_system.h"
#include "nucleus.h"

extern struct public fake_public;                   // tests/unit/fake.c
extern struct xheap_owner heap_owner_table[XHEAP_GRANULES];
extern uint8_t heap_chunk_class[XHEAP_CHUNKS];
extern char __start_state_monitor[], __stop_state_monitor[];

extern const struct heap_client heap_client_2, heap_client_3, heap_client_4, heap_client_5;
const struct heap_client *const heap_clients[HEAP_HONEST + DOMAIN_FIRST] = {
    NULL, NULL, &heap_client_2, &heap_client_3, &heap_client_4, &heap_client_5};

struct lends hostile_lends[THREAD_MAX];
struct give_list hostile_gives[THREAD_MAX];
uint32_t heap_running, heap_generation[HEAP_DOMAINS];
void (*heap_gate_before)(enum heap_export, const uint64_t[6]);
void (*heap_gate_after)(enum heap_export, const uint64_t[6], int);

static struct give_list *gives_of(uint32_t domain) {
    return &(domain == HEAP_HOSTILE ? hostile_gives : heap_clients[domain]->gives)[fake_public.cpu.thread];
}

void heap_enter(uint32_t domain, uint32_t thread) {
    heap_running = domain;
    fake_public.cpu.thread = thread;
}

// Without the sanitizer: what lies between the variables is its own.
static void clear(char *start, const char *end) {
    size_t bytes = (size_t)(end - start);
    __asm__ volatile("rep stosb" : "+D"(start), "+c"(bytes) : "a"(0) : "memory");
}

void heap_restart(uint32_t domain) {
    heap_generation[domain]++;
    if (domain != HEAP_HOSTILE) clear(heap_clients[domain]->state, heap_clients[domain]->state_end);
}

void heap_reset(void) {
    static bool is_mapped;
    if (!is_mapped && mmap((void *)ARENA_BASE, ARENA_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)ARENA_BASE)
        abort();
    is_mapped = true;
    clear(__start_state_monitor, __stop_state_monitor);
    clear((char *)heap_owner_table, (char *)(heap_owner_table + XHEAP_GRANULES));
    clear((char *)heap_chunk_class, (char *)(heap_chunk_class + XHEAP_CHUNKS));
    clear((char *)&fake_public, (char *)(&fake_public + 1));
    clear((char *)hostile_lends, (char *)(hostile_lends + THREAD_MAX));
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_DOMAINS; d++) {
        heap_restart(d);
        heap_generation[d] = 1;
        heap_domains[d] =
            (struct domain){.lends = (uintptr_t)(d == HEAP_HOSTILE ? hostile_lends : heap_clients[d]->lends),
                            .shared_bytes_max = ARENA_BYTES / 4 * 3,
                            .shared_objects_max = XHEAP_GRANULES / 4 * 3};
    }
    heap_gate_before = NULL;
    heap_gate_after = NULL;
}

// core/gates/give.S: GRANULE_OF, GRANULE_CHECK, the owner, then the generation before the owner.
static bool move_owner(uint64_t object, uint32_t from, uint32_t to) {
    uint64_t granule = object - ARENA_BASE;
    granule = granule >> 8 | granule << 56;
    if (granule >= ARENA_BYTES / 256 || xheap_entry_owner(heap_owner_table[granule].owner_link) != from) return false;
    heap_owner_table[granule].generation++;
    heap_owner_table[granule].owner_link = (heap_owner_table[granule].owner_link & 0xffffff) | to << 24;
    return true;
}

int gate_give(uint32_t from, uint32_t to, uint64_t object) { return move_owner(object, from, to) ? 0 : -EPERM; }

void gate_gives(uint32_t from, uint32_t to, uint64_t count) {
    struct give_list *list = &fake_public.given[fake_public.cpu.thread];
    list->count = 0;
    if (count > GIVE_MAX) return;
    list->count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t object = gives_of(from)->object[i];
        list->object[i] = move_owner(object, from, to) ? object : 0;
    }
}

uint32_t monitor_caller(void) { return heap_running; }

// core/monitor/misuse.c: nobody is told.
int xheap_misuse(uint32_t operation, int error, uint64_t address, uint64_t bytes) {
    return (void)operation, (void)error, (void)address, (void)bytes, 0;
}
void misuse_refused(uint32_t operation, uint32_t granule) { (void)operation, (void)granule; }

static bool is_inside(uintptr_t address, size_t bytes, const void *start, const void *end) {
    return address >= (uintptr_t)start && bytes <= (uintptr_t)end - (uintptr_t)start &&
           address <= (uintptr_t)end - bytes;
}

int nucleus_memory_read(uintptr_t address, void *out, size_t bytes) {
    bool found = is_inside(address, bytes, hostile_lends, hostile_lends + THREAD_MAX);
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_HOSTILE; d++)
        found |= is_inside(address, bytes, heap_clients[d]->state, heap_clients[d]->state_end);
    if (!found) return -EINVAL;
    memcpy(out, (const void *)address, bytes);
    return 0;
}

// The clients' calls into the monitor arrive here (-Wl,--wrap).
int __real_xheap_refill(uint32_t, uint32_t),
    __real_xheap_drain(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t),
    __real_xheap_join(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t), __real_xheap_part(uint64_t);
int __wrap_xheap_refill(uint32_t, uint32_t),
    __wrap_xheap_drain(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t),
    __wrap_xheap_join(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t), __wrap_xheap_part(uint64_t);

static int run_export(enum heap_export which, const uint64_t a[6]) {
    switch (which) {
    case EXPORT_REFILL: return __real_xheap_refill((uint32_t)a[0], (uint32_t)a[1]);
    case EXPORT_DRAIN: return __real_xheap_drain(a[0], a[1], a[2], a[3], a[4], a[5]);
    case EXPORT_JOIN: return __real_xheap_join(a[0], a[1], a[2], a[3], a[4], a[5]);
    case EXPORT_PART: return __real_xheap_part(a[0]);
    }
    abort();
}

int heap_export_call(enum heap_export which, const uint64_t arguments[6]) {
    if (heap_gate_before) heap_gate_before(which, arguments);
    int result = run_export(which, arguments);
    if (heap_gate_after) heap_gate_after(which, arguments, result);
    return result;
}

int __wrap_xheap_refill(uint32_t size_class, uint32_t count) {
    return heap_export_call(EXPORT_REFILL, (uint64_t[6]){size_class, count});
}
int __wrap_xheap_drain(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    return heap_export_call(EXPORT_DRAIN, (uint64_t[6]){a, b, c, d, e, f});
}
int __wrap_xheap_join(uint64_t root, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    return heap_export_call(EXPORT_JOIN, (uint64_t[6]){root, a, b, c, d, e});
}
int __wrap_xheap_part(uint64_t child) { return heap_export_call(EXPORT_PART, (uint64_t[6]){child}); }
