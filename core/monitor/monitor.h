// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor.h - what the files of the monitor share.
//
// The monitor decides and reports: threads.c (states, events, switches), devices.c, clock.c, fault.c (reports), misuse.c,
// statistics.c and views.c (lists), boot.c (inits and start), shared-heap/monitor.c (owners). It is never preempted, so its data needs no
// locks; while it asks the scheduler, ticks wait.
// Invariant: nothing that a domain says is believed before it is checked, and nothing of a domain is followed as a pointer.
#ifndef CORE_MONITOR_H
#define CORE_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include "domain.h"
#include "fault.h"
#include "public.h"
#include "system.h"

static inline struct public *public_writable(void) { return (struct public *)(uintptr_t)&public_area; }

// The domain that called the current export; read before the monitor calls anything. caller_mpk.c, caller_none.c
uint32_t monitor_caller(void);
const struct edge *monitor_entry(void);         // the edge by which it came; NULL on backend none
bool monitor_is_gate_die(uint64_t rip);

// frames.c
// the gate by which domain, whose stack goes on at anchor, was entered
const struct edge *frames_entry(uint32_t domain, uint64_t anchor);
// where the one suspended there called, stubs and the heap's own code left out; a return address
uint64_t frames_site(uint64_t gate_frame);
uint64_t frames_site_above(uint64_t address, uint64_t frame_pointer);
// is edge its caller's last call on this thread? Its frame
bool frames_is_suspended(const struct edge *edge, uint64_t *gate_frame);
// frames_site() of who called the current export. caller_mpk.c, caller_none.c
uint64_t monitor_call_site(void);
// threads.c
void threads_start(void);                       // makes one thread per entry of thread_table, runnable
void thread_end(void) __attribute__((noreturn)); // the running thread is over
void threads_tick(bool force);                  // due sleepers and ready devices; then perhaps another thread
uint32_t threads_count(void);                   // threads that have existed, 0 included
// recovery: a thread that waits goes on with result; who is next may have changed; priorities
void threads_wake(uint32_t thread, int result);
void threads_reschedule(void);
void threads_priority(uint32_t thread, uint8_t priority);
void threads_healer_wait(uint64_t deadline_ns); // until threads_wake() or then
void threads_restart_wait(void);                // until a domain has started again
void threads_restart_wake(void);
bool threads_is_interrupted(uint32_t thread);   // by a tick, and not gone on since
void threads_interrupted(uint32_t thread, bool is);
void threads_wait_of(uint32_t thread, uint32_t *event, uint64_t *deadline_ns); // unchanged unless it waits
// boot.c
#define BOOT_GENERATION 1
void monitor_boot(void) __attribute__((noreturn));
void boot_refused(const char *component, int error) __attribute__((noreturn)); // its init would not
void monitor_probe(void);                       // boot_probe.c, boot_noprobe.c
// statistics.c
void statistics_report(void);
// misuse.c
// what a domain did wrong with the shared heap; dropped: without a record
struct misuse_count { uint32_t all, dropped; };
extern struct misuse_count misuse_counts[DOMAIN_MAX];
// enum xheap_operation, of the domain that called the current export
void misuse_refused(uint32_t operation, uint32_t granule);
// objects.c
// where its owner says that it allocated or received the object; 0: not known
uint64_t heap_origin(uint32_t granule, uint32_t owner);
int heap_objects(uint32_t first, struct system_object *rows, size_t max); // system_objects(), into the monitor's memory
// fault.c; what is done about one: healing.h
extern struct fault monitor_fault_record;
// say.c: a formatted line on the console at once, at most 512 characters
void say(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));
void monitor_stop(uint32_t status) __attribute__((noreturn));

#endif
