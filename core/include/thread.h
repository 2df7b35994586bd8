// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// thread.h - threads and events: what the monitor offers to every domain.
//
// Threads migrate: a call through a gate is the same thread on its private stack in the callee. An event is a counter
// that any domain may read (public_area.events) and bump; waiting names the value last seen, so no wake-up is lost.
// Each device has an event, and so has each serial component (for its lock). The monitor checks every argument; a
// domain that signals foreign events causes spurious wake-ups, never corruption, so every waiter re-checks.
// Source of the idea: Zircon's and Fuchsia's port counters, eventcounts (Reed and Kanodia, 1979).
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <stdint.h>
#include "gate.h"
#include "public.h"
#include "errors.h"

#define DEADLINE_NEVER UINT64_MAX

static inline uint32_t thread_self(void) { return public_area.cpu.thread; }
static inline uint32_t event_count(uint32_t event) { return public_area.events[event]; }

// Lets other threads of the same or a higher priority run first. Blocks. Returns 0.
BLOCKS GATE(monitor) int thread_yield(void);

// Sleeps until deadline_ns on the clock of time_now_ns(). Blocks. Returns 0 (at once when the deadline has passed).
BLOCKS GATE(monitor) int thread_sleep_until(uint64_t deadline_ns);

// Waits until event's counter differs from seen, or until deadline_ns (DEADLINE_NEVER: no deadline). Blocks.
// Returns 0, -ETIMEDOUT when the deadline passed first, -EINVAL for an event that does not exist.
BLOCKS GATE(monitor) int event_wait(uint32_t event, uint32_t seen, uint64_t deadline_ns);

// Bumps event's counter and wakes its waiters; a waiter of a higher priority runs before this returns.
// Returns 0, or -EINVAL for an event that does not exist.
GATE(monitor) int event_signal(uint32_t event);

#endif
