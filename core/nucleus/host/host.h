// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// host.h - what the files of the hosted nucleus share.
//
// Interface by file: syscall.S (the one system-call site), memory.c (mappings and alias), signal.c (traps and ticks),
// thread.c (anchors and switches), device.c (console, TAP, idling), lockdown_*.c (keys, system-call filters),
// rights_*.c (whose rights are live, how to go on), boot.c (start).
// Invariant: the nucleus touches domain memory through alias() alone; it runs with key 0 and key 15 and nothing else.
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "address_map_asm.h"
#include "context_asm.h"
#include "domain.h"
#include "fault.h"
#include "nucleus.h"
#include "public.h"
#include "slots_asm.h"

struct context {
    uint64_t rbx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15;
    uint64_t r11, rdx, rcx, rax;                // popped by the stub, from the domain's own page
    uint64_t rip, cs, rflags, rsp, ss;
    uint64_t stub;                              // resume stub of its domain; 0: the nucleus itself (or backend none)
    uint64_t nonce;
    uint64_t selector;                          // syscall_selector at the interruption
    uint32_t domain, pkru;
    uint64_t monitor_anchor;                    // SLOT_SP of the monitor at the interruption
};

struct thread {
    uint64_t stack_pointer;                     // backend none: where it was switched away from
    struct context interrupted;                 // by a tick, while the monitor decides
};

extern struct thread threads[THREAD_MAX];
extern uint32_t thread_current;
extern struct context *nucleus_target;          // what exit.S goes on with; NULL once something else happened
extern volatile bool nucleus_idle;              // inside nucleus_wait's poll: ticks need no re-arming
extern volatile uint32_t nucleus_requests;      // REQUEST_* from outside, not yet told to the monitor
extern uint64_t nucleus_signal_token;
extern volatile uint8_t *nucleus_selector;           // the selector byte; a private one until lockdown()
extern uint32_t xsave_pkru_offset;
extern int device_fd[DEVICE_COUNT];

#define REQUEST_STOP 1u
#define REQUEST_REPORT 2u

// The nucleus's view of an address in [DOMAIN_BASE, MAP_END).
static inline void *alias(uint64_t address) { return (void *)(address + ALIAS_OFFSET); }
static inline uint64_t *slot(uint32_t domain, uint32_t offset) {
    return domain == DOMAIN_NUCLEUS ? (uint64_t *)(domain_table[0].slots + offset)
                                    : alias(domain_table[domain].slots + offset);
}
static inline struct public *public_writable(void) { return (struct public *)(uintptr_t)&public_area; }

// syscall.S
int64_t nucleus_syscall(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f);
void nucleus_restorer(void);
extern char nucleus_syscall_site[];
#define SYSCALL(number, ...) SYSCALL_PAD(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYSCALL_PAD(n, a, b, c, d, e, f, ...) \
    nucleus_syscall(n, (int64_t)(a), (int64_t)(b), (int64_t)(c), (int64_t)(d), (int64_t)(e), (int64_t)(f))

// exit.S
extern char nucleus_exit_stub[], nucleus_exit_stub_end[];
__attribute__((noreturn)) void nucleus_exit(struct context *target);

// memory.c
void memory_map(void);
bool memory_is_mapped(uint64_t address, size_t bytes);
// arena_shared.c, arena_strict.c: the shared heap's mapping
struct sock_filter;
extern const uint32_t arena_key;               // at the start
extern const bool arena_is_sealed;
// Of seccomp: they find the system call's number loaded, and leave it so or end.
const struct sock_filter *arena_rules(size_t *count);
void arena_check_machine(void);
// thread.c
void thread_prepare_first(void);
// signal.c
void signal_install(void);
void timer_start(void);
void timer_rearm(uint64_t after_ns);
// rights_mpk.c, rights_none.c
void rights_check_machine(void);               // ends the process with one sentence when this machine cannot
void rights_allocate(void);
void rights_protect(uint64_t address, size_t bytes, uint32_t pkey, bool writable);
void rights_tokens(void);
uint32_t rights_domain(uint32_t pkru, uint64_t rip);  // whose code was it; domain_count: nobody's
bool rights_in_monitor(uint32_t domain);       // must a tick wait
void rights_resume(struct context *context);   // make it ready to be exit_*.S's target
// A context that enters the monitor; interrupted is what it interrupts, NULL at boot.
void rights_upcall(struct context *context, uint64_t kind, uint64_t argument, const struct context *interrupted);
// lockdown_mpk.c, lockdown_none.c
void lockdown(void);
void lockdown_seal(uint64_t address, size_t bytes);

// boot.c
extern const char *boot_program;
__attribute__((noreturn)) void die_with(const char *sentence);
__attribute__((noreturn)) void nucleus_panic_values(const char *what, const uint64_t *values, size_t count);
#define nucleus_panic(what, ...) nucleus_panic_values(what, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)
void random_bytes(void *out, size_t bytes);
const char *boot_value(const char *key);       // from the command line, NULL when absent
void device_standard_files(void);             // before anything is opened
void device_open(void);
void clock_start(int64_t entered_ns);
extern const uint32_t config_tick_hz;
extern const bool config_recovery;

// The monitor's, for the upcall.
extern char monitor_upcall[], monitor_thread_start[];
extern struct fault monitor_fault_record;

#endif
