// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lock.c - the component lock: see core/include/lock.h.
//
// One CPU, preemptive: the compare-and-swap settles who has it; the event settles who sleeps. A waiter reads the
// event's counter before it looks at the lock again, so a release in between makes event_wait return at once.
#include "lock.h"
#include "invariant.h"
#include "thread.h"

int component_lock_acquire(struct component_lock *lock) {
    uint32_t self = thread_self() + 1, expected = 0;
    if (__atomic_compare_exchange_n(&lock->owner, &expected, self, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return 0;
    if (expected == self) return -EDEADLK;
    __atomic_add_fetch(&lock->waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t seen = event_count(lock->event);
        expected = 0;
        if (__atomic_compare_exchange_n(&lock->owner, &expected, self, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) break;
        int error = event_wait(lock->event, seen, DEADLINE_NEVER);
        invariant(error == 0); // the build gave every lock an event that exists
    }
    __atomic_sub_fetch(&lock->waiters, 1, __ATOMIC_SEQ_CST);
    return 0;
}

void component_lock_release(struct component_lock *lock) {
    __atomic_store_n(&lock->owner, 0, __ATOMIC_SEQ_CST);
    if (!lock->waiters) return;
    int error = event_signal(lock->event);
    invariant(error == 0);
}
