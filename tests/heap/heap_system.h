// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_system.h - a system that is nothing but an exchange heap: the real sources of shared-heap/, outside an image.
//
// Interface:
//   heap_clients[]            each domain's own copy of client*.c
//   heap_enter                who runs: domain and thread
//   heap_reset, heap_restart  everything as at boot; one domain's own memory as at boot
//   gate_give, gate_gives     what core/gates/give.S does under the monitor's rights, in the same order
//   heap_gate_before, _after  run round each crossing into the monitor, where a thread can lose the CPU
//
// Stand-ins: the public page, domain_table, monitor_caller(), nucleus_memory_read(), and the gates. The monitor's half
// and the clients are the image's. Threads are numbers: one runs at a time, and another can run only inside a crossing.
// It does not test preemption between two instructions of a client; tests/model does.
#ifndef TESTS_HEAP_SYSTEM_H
#define TESTS_HEAP_SYSTEM_H

#include "client.h"
#include "heap_monitor.h"

#define HEAP_HONEST 4                               // domains 2..5 run client*.c
#define HEAP_HOSTILE (DOMAIN_FIRST + HEAP_HONEST)   // domain 6 has only its records, and calls the gates itself
#define HEAP_DOMAINS (HEAP_HOSTILE + 1)

// client.c keeps both to itself.
#define HEAP_MAGAZINE_MAX 63
struct magazine { uint32_t count, granule[HEAP_MAGAZINE_MAX]; };
extern struct magazine magazines[THREAD_MAX][XHEAP_CLASSES];
extern struct give_list domain_gives[THREAD_MAX];

struct heap_client {
    void *(*alloc)(size_t);
    int (*free)(void *);
    size_t (*room)(const void *);
    uint8_t (*owner_of)(const void *, size_t);
    bool (*is_untrusted)(const void *);
    int (*pass)(void *);
    int (*pass_all)(void *const *, size_t);
    void *(*take)(unsigned);
    size_t (*take_all)(void **, size_t);
    int (*attach)(void *, void *const *, size_t);
    int (*detach)(void *);
    void *(*root)(const void *);
    xheap_handle_t (*handle)(const void *);
    void *(*resolve)(xheap_handle_t);
    int (*check)(const void *, size_t);
    int (*lend_begin)(const void *, size_t);
    void (*lend_end)(void);
    int (*give_begin)(const void *);
    void (*give_arrived)(const void *);
    void (*pass_open)(void);
    uint64_t (*pass_export)(void);
    void (*pass_publish)(void);
    void (*pass_accept)(int64_t);
    uint16_t *local_state;
    struct magazine (*magazines)[XHEAP_CLASSES];
    struct lends *lends;
    struct give_list *gives;
    char *state, *state_end;                        // everything that it can write of its own
};
extern const struct heap_client *const heap_clients[HEAP_HONEST + DOMAIN_FIRST];

extern struct domain heap_domains[HEAP_DOMAINS];    // domain_table, writable: quotas
extern struct lends hostile_lends[THREAD_MAX];
extern struct give_list hostile_gives[THREAD_MAX];
extern uint32_t heap_running;                       // the running domain
extern uint32_t heap_generation[HEAP_DOMAINS];      // of each domain, 1 at boot

void heap_enter(uint32_t domain, uint32_t thread);
void heap_reset(void);
void heap_restart(uint32_t domain);

// 0, or -EPERM with nothing moved.
int gate_give(uint32_t from, uint32_t to, uint64_t object);
// The running thread's list of from: count objects at most become to's.
void gate_gives(uint32_t from, uint32_t to, uint64_t count);

// number: of the export, then its arguments and, after it, its result.
enum heap_export { EXPORT_REFILL, EXPORT_DRAIN, EXPORT_JOIN, EXPORT_PART };
extern void (*heap_gate_before)(enum heap_export which, const uint64_t arguments[6]);
extern void (*heap_gate_after)(enum heap_export which, const uint64_t arguments[6], int result);
// As a domain without client*.c calls them, hooks included.
int heap_export_call(enum heap_export which, const uint64_t arguments[6]);

#endif
