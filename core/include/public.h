// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// public.h - what every domain may read and only the monitor and the nucleus may write (key 15).
//
// One page-aligned struct at PUBLIC_BASE: the words of the running CPU, the clock, event counters, the scheduler's
// view of the threads, the give lists, the boot arguments, idle time. Readers must expect change at any instruction
// (volatile); nothing here is secret. It does not hold registers, tokens or addresses of private memory.
#ifndef CORE_PUBLIC_H
#define CORE_PUBLIC_H

#include <stdint.h>
#include "address_map_asm.h"

#define EVENT_MAX 64
#define GIVE_MAX 64
#define GIVE_EDGE_NONE UINT32_MAX
#define BOOT_ARGUMENTS_BYTES 2048

enum thread_state { THREAD_FREE, THREAD_RUNNABLE, THREAD_WAITING, THREAD_ENDED };

struct public_cpu {
    uint8_t syscall_selector; // host: Syscall User Dispatch reads it; 0 allow, 1 block. Its own cache line's first byte
    uint8_t monitor_busy;     // backend none: the monitor is on the stack. mpk: the monitor is asking the scheduler
    uint16_t pad;
    uint32_t thread;          // index of the running thread
};

struct public_clock {         // ns = base_ns + ((tsc - base_tsc) * multiplier >> 32), see domains/time/time.h
    uint32_t sequence;        // odd while the monitor writes; single CPU, so a reader retries at most once per tick
    uint32_t pad;
    uint64_t base_tsc, base_ns, multiplier, wall_offset_ns, tsc_khz;
};

struct public_thread {        // the scheduler's read-only view
    uint8_t state;            // enum thread_state
    uint8_t priority;         // higher runs first
    uint16_t pad;
    uint32_t pad2;
    uint64_t last_run;        // value of switches when it last got the CPU: the least is next in round robin
};

struct give_list {            // objects that the monitor moved to the running thread's current callee or caller
    uint32_t count;
    uint32_t edge;             // by whose return, a GATE_GIVES edge's; GIVE_EDGE_NONE: somebody died since
    uint64_t object[GIVE_MAX]; // address of the object, 0 where the giver did not own it
};

struct public {
    struct public_cpu cpu;
    uint8_t pad[64 - sizeof(struct public_cpu)];
    struct public_clock clock;
    uint64_t switches;        // thread switches so far
    uint32_t events[EVENT_MAX];
    struct public_thread threads[THREAD_MAX];
    char boot_arguments[BOOT_ARGUMENTS_BYTES]; // "key=value key=value", NUL-terminated
    uint64_t boot_random[4];  // what differs from boot to boot; not secret from any domain (lib/secret.h for that)
    struct give_list given[THREAD_MAX];
    uint64_t idle_tsc;        // TSC ticks in which the nucleus slept, because no thread could run
    uint64_t start_ns;        // when the nucleus was entered, on the clock
};

// Placed by the linker script at PUBLIC_BASE. The monitor and the nucleus write through public_writable().
extern const volatile struct public public_area;

#endif
