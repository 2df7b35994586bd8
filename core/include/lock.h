// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lock.h - the component lock of a serial component.
//
// Lives in the component's own memory; taken by the generated wrapper round each of its exported functions and
// threads, in every placement, so that moving a component never changes its concurrency. Released while the component
// waits in the monitor (BLOCKS). Uncontended: one compare-and-swap, no crossing.
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <stdint.h>

struct component_lock {
    volatile uint32_t owner;   // thread index + 1, 0 = free
    volatile uint32_t waiters;
    uint32_t event;            // what waiters wait for; set by the build
};

// Blocks until the lock is this thread's. Returns 0, or -EDEADLK when this thread holds it already.
int component_lock_acquire(struct component_lock *lock);
// Only by the holder. Wakes the waiters, if there are any, through the monitor.
void component_lock_release(struct component_lock *lock);

#endif
