// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// pc.h - what the files of platform pc tell each other. Nothing here is seen outside ring 0.
#ifndef NUCLEUS_PC_H
#define NUCLEUS_PC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "address_map_asm.h"
#include "domain.h"
#include "errors.h"
#include "nucleus.h"
#include "public.h"
#include "slots_asm.h"
#include "../common/anchors.h"
#include "../common/random.h"
#include "layout_asm.h"

// ---- everything that CPL 3 has in the CPU; entry.S builds it, context_enter (core/gates/resume_pc.S) consumes it ----
struct context {
    uint64_t pkru;
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Noreturn void context_enter(const struct context *context);

// ---- threads.c ----
extern uint32_t thread_running;
void threads_start(void);                                // thread 0 becomes the running thread
_Noreturn void thread_upcall(uint32_t kind, uint64_t argument); // enters the monitor on the running thread
_Noreturn void thread_resume(void);                      // returns from the downcall in which the running thread is
struct context *thread_called(void);                     // the context of that downcall
struct context *thread_interrupted(void);                // what an upcall interrupted

// ---- paging.c ----
struct hvm_start_info;
void paging_start(const struct hvm_start_info *info);    // does not touch CR3's old tables afterwards
static inline void *alias_of(uintptr_t address) { return (void *)(address + ALIAS_OFFSET); }
static inline uint64_t *slot(uint32_t domain, uint32_t offset) { return alias_of(domain_table[domain].slots + offset); }
// The alias of [address, +bytes) when all of it is inside one mapped range of domain memory, else NULL.
void *alias_checked(uintptr_t address, size_t bytes);
static inline struct public *public_writable(void) { return alias_of(PUBLIC_BASE); }

// ---- cpu.c ----
void cpu_start(void);                                    // segments, traps, system call
void cpu_protect(void);                                  // keys and the other guards; after paging_start
uint64_t cpu_entropy(void);                              // two words of it seed everything that must be unpredictable

// ---- devices.c ----
void console_start(void);
void console_put(const char *text, size_t bytes);
bool console_is_ready(void);                             // a byte can be read
int console_submit(uint32_t operation, struct device_buffer *buffers, size_t count);
void clock_start(void);                                  // and public_area.clock
uint64_t clock_ns(void);
#define EXIT_UNUSABLE 69           // statuses as on host
#define EXIT_PANIC 70
_Noreturn void machine_end(uint32_t status);
_Noreturn void die_with(const char *sentence);           // a machine that we cannot use
_Noreturn void nucleus_panic(const char *what, uint64_t value); // a bug in ring 0 or the monitor

// ---- tick.c ----
void tick_start(void);
bool tick_taken(bool is_monitor_busy);

#define PIT_COMMAND 0x43
#define PIT_HZ 1193182

static inline void port_write(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t port_read(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint64_t tsc_read(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
