// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// healing.h - what the rest of the monitor asks of recovery; without CONFIG_RECOVERY, healing_norecover.c answers.
#ifndef MONITOR_HEALING_H
#define MONITOR_HEALING_H

#include "monitor.h"

#define HEALER 0                   // the thread that booted, and then heals
#define HEALER_PRIORITY 255
#define TIDY_PRIORITY 10           // that of ordinary threads, for what nobody waits for

// fault_*.c: monitor_fault_record says what happened to the running thread. Does not return.
void fault_handle(void) __attribute__((noreturn));

// watch_recover.c
// A tick interrupted the running thread: is it in an endless loop, is a caller's deadline past?
void recovery_tick(void);
// The running thread gives the CPU away of its own will.
void recovery_blocks(uint32_t thread);
// When idling must end for a deadline of calls, and the end of whoever is late.
uint64_t recovery_deadline_ns(void);
void recovery_due(uint64_t now_ns);
// The healer calls an init, which must return within so many ns; 0: it has.
void recovery_init_within(uint64_t ns);
// threads.c asks the scheduler: may it be asked? Is its answer one of runnable (a bit each), and has nobody among these
// been passed over for ever? Otherwise round robin decides, and the scheduler is ended.
bool recovery_scheduler_is_up(void);
bool recovery_answer_is_right(int answer, uint64_t runnable);

// fault_recover.c
// A tick's end: goes on with what was interrupted, or, when that died, with its caller.
void recovery_go_on(void) __attribute__((noreturn));

// healing_recover.c
// The inits, by the same function as each restart. Then thread 0 heals for ever (or ends).
void recovery_boot(void);
void recovery_serve(void) __attribute__((noreturn));
// A thread that began in domain's generation ended with status. True: because the domain died; now it runs again, and so
// must its thread. Blocks until then, or until the domain stays down.
bool recovery_thread_again(uint32_t domain, uint32_t generation, int status);

extern const char recovery_thread_name[];        // of thread 0
uint32_t domain_generation(uint32_t domain);
uint32_t domain_state(uint32_t domain);         // enum system_domain_state
uint32_t domain_restarts(uint32_t domain);

#endif
