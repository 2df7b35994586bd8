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

// ---- everything that CPL 3 has in the CPU; entry.S builds it, context_enter (core/gates/resume_pc_*.S) consumes it
struct context {
    uint64_t pkru;
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Noreturn void context_enter(const struct context *context);

// ---- traps.c ----
extern const struct context *trap_context;               // of the last trap or system call, for reports
void tick_start(void);                                   // the next tick comes in one tick's time

// ---- threads.c ----
extern uint32_t thread_running;
void threads_start(void);                                // thread 0 becomes the running thread
_Noreturn void thread_upcall(uint32_t kind, uint64_t argument); // enters the monitor on the running thread
_Noreturn void thread_resume(void);                      // returns from the downcall in which the running thread is
struct context *thread_called(void);                     // the context of that downcall
struct context *thread_interrupted(void);                // what an upcall interrupted

// ---- rights_mpk.c, rights_none.c ----
uint64_t rights_cr4(void);                               // bits of CR4; ends the machine when this CPU cannot
uint32_t rights_domain(const struct context *context);   // whose rights were live; domain_count: nobody's
bool rights_is_monitor(const struct context *context);
void rights_enter_monitor(bool is_entered);
uint32_t rights_first_stack(void);
bool rights_is_stuck_call(const struct context *context); // a page fault that is a system call

// ---- frames.c ----
extern uint64_t frames_total, frames_taken;
void frames_start(void);
void frames_move(void);
void frames_each(void (*act)(uintptr_t start, uintptr_t end));
uintptr_t frame_take(void);                              // a zeroed page; ends the system when there is none
void *frame_memory(uintptr_t frame);

// ---- paging.c ----
void paging_start(void);                                 // does not touch CR3's old tables afterwards
static inline void *alias_of(uintptr_t address) { return (void *)(address + ALIAS_OFFSET); }
static inline uint64_t *slot(uint32_t domain, uint32_t offset) { return alias_of(domain_table[domain].slots + offset); }
// The alias of [address, +bytes) when all of it is inside one range of domain memory, which then has its pages; else
// NULL.
void *alias_checked(uintptr_t address, size_t bytes);
bool memory_touch(uintptr_t address, size_t bytes);
bool memory_is_present(uintptr_t address);
void page_key_set(uintptr_t page, uint32_t key);
extern const uint32_t arena_key;                         // arena_*.c: of the shared heap at the start
// Device registers: the page that holds this physical address. NULL for 0 (firmware gave it no place) and what is too
// high.
void *mmio_map(uintptr_t address);
// For CPL 3 under key at address, besides ring 0's own view of the frame: a device's window, never touched on demand.
void window_map(uintptr_t address, uintptr_t frame, uint32_t key, bool is_writable);
static inline struct public *public_writable(void) { return alias_of(PUBLIC_BASE); }

// ---- cpu.c ----
void cpu_start(void);                                    // segments, traps, system call
void cpu_protect(void);                                  // keys and the other guards; after paging_start
uint64_t cpu_entropy(void);                              // two words of it seed everything that must be unpredictable
void cpuid(uint32_t leaf, uint32_t out[4]);
bool cpu_has(uint32_t leaf, uint32_t word, uint32_t bit);

// ---- calls.c ----
extern volatile bool nucleus_is_idle;                    // ring 0 waits for an interrupt
void idle_end(void);                                     // for whatever interrupts it: from here on it is busy
void request(uint64_t what);                             // NUCLEUS_WAIT_STOP or _REPORT; from anywhere
uint64_t requests_take(void);

// ---- apic.c ----
void apic_start(void);                                   // after clock_start
void apic_acknowledge(void);
void timer_arm(uint64_t ns);                             // one VECTOR_TICK after so long; replaces the last order
// handler runs in ring 0, interrupts off, when global interrupt line comes. -EINVAL: there is no vector for such a
// line.
int line_open(uint32_t line, bool is_level, bool is_low_active, void (*handler)(void));
// The same for a device that sends messages (MSI-X). Returns the vector, which it is to write to *address; -EINVAL:
// none is left.
int message_open(void (*handler)(void), uint64_t *address);
int line_open_isa(uint32_t isa, void (*handler)(void));  // as the firmware says that ISA line goes
void line_taken(uint32_t line);

// ---- console.c ----
void console_start(void);
void console_open_input(void);                           // after apic_start
void console_put(const char *text, size_t bytes);
bool console_is_ready(void);                             // a byte can be read
int console_submit(uint32_t operation, struct device_buffer *buffers, size_t count);

// ---- frozen_noprobe.c, frozen_probe.c ----
extern const bool table_is_frozen, device_is_reset;      // false only for the controls of their own tests

// ---- virtio_net.c ----
void net_start(void);                                    // after machine_find
bool net_is_ready(void);                                 // it interrupted since this was last asked
int net_submit(uint32_t operation, struct device_buffer *buffers, size_t count);
int net_reset(void);                                     // its driver starts anew; -EIO: the device stays off

// ---- virtio_entropy.c ----
#define ENTROPY_WORDS 2                                  // what random_seed() takes
bool entropy_read(uint64_t words[ENTROPY_WORDS]);        // after machine_find; false, and zeros: no such device
void entropy_start(void);                                // after apic_start: the device for its driver
bool entropy_is_ready(void);                             // it interrupted since this was last asked
int entropy_submit(uint32_t operation);
int entropy_reset(void);                                 // as net_reset()

// ---- clock.c ----
void clock_start(uint64_t entered_tsc);                  // which is its zero; and public_area.clock
uint64_t clock_ns(void);
struct clock_moment { uint64_t tsc; uint32_t count; };
struct clock_moment clock_moment(uint32_t (*read)(void)); // the TSC and another counter, at one instant
extern const char *clock_source, *clock_wall_source;     // what they were taken from
uint64_t clock_wall_offset_ns(void);                     // 0: this machine has no wall clock

// ---- power.c ----
#define EXIT_UNUSABLE 69           // statuses as on host
#define EXIT_PANIC 70
void power_start(void);
_Noreturn void machine_end(uint32_t status);

// ---- panic.c ----
_Noreturn void die_with(const char *sentence);           // a machine that we cannot use
_Noreturn void nucleus_panic(const char *what, uint64_t value); // a bug in ring 0 or the monitor, or no memory
void say(const char *text);
void say_number(uint64_t value, uint32_t base);

static inline void port_write(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t port_read(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void port_write_16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint16_t port_read_16(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void port_write_32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint32_t port_read_32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint64_t msr_read(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
static inline uint64_t tsc_read(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
