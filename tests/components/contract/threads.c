// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// threads.c - what core/include/thread.h and lock.h promise.
#include "check.h"
#include "contract.h"
#include "contractpeer.h"
#include "thread.h"
#include "time.h"

#define WAITED_EVENT 60          // nobody else's: devices and components have the low numbers
#define EQUAL_EVENT 61
#define SILENT_EVENT 62
#define PAUSE_NS 5000000
#define SPIN_NS 60000000         // several ticks, even at 100 Hz

static volatile uint32_t waiter_turns, equal_turns, equal_holds, equal_overlaps;
static volatile enum { EQUAL_NOTHING, EQUAL_SPIN, EQUAL_HOLD } equal_task;

int contract_waiter(void) {
    for (;;) {
        uint32_t seen = event_count(WAITED_EVENT);
        if (event_wait(WAITED_EVENT, seen, DEADLINE_NEVER) == 0) waiter_turns++;
    }
}

int contract_equal(void) {
    for (;;) {
        uint32_t seen = event_count(EQUAL_EVENT);
        while (equal_task == EQUAL_SPIN) equal_turns++;
        if (equal_task == EQUAL_HOLD) {
            equal_overlaps += (uint32_t)contractpeer_hold(SPIN_NS);
            equal_task = EQUAL_NOTHING;
            equal_holds++;
        }
        if (event_wait(EQUAL_EVENT, seen, DEADLINE_NEVER) < 0) return 1;
    }
}

static void spin(uint64_t duration_ns) {
    for (uint64_t end_ns = time_now_ns() + duration_ns; time_now_ns() < end_ns;) {}
}

static void wait_checks(void) {
    uint64_t deadline_ns = time_now_ns() + PAUSE_NS;
    check("a wait without a signal times out", event_wait(SILENT_EVENT, event_count(SILENT_EVENT), deadline_ns), -ETIMEDOUT);
    check("not before its deadline", time_now_ns() >= deadline_ns, 1);
    check("a wait for what already happened returns", event_wait(SILENT_EVENT, event_count(SILENT_EVENT) - 1, DEADLINE_NEVER), 0);
    check("a deadline in the past", event_wait(SILENT_EVENT, event_count(SILENT_EVENT), 1), -ETIMEDOUT);
    check("no such event to wait for", event_wait(EVENT_MAX, 0, DEADLINE_NEVER), -EINVAL);
    check("no such event to signal", event_signal(EVENT_MAX), -EINVAL);
    deadline_ns = time_now_ns() + PAUSE_NS;
    check("sleeping", thread_sleep_until(deadline_ns), 0);
    check("lasts until its deadline", time_now_ns() >= deadline_ns, 1);
}

void thread_checks(void) {
    wait_checks();
    uint32_t before = waiter_turns;
    check("signalling", event_signal(WAITED_EVENT), 0);
    check("a waiter of a higher priority ran first", waiter_turns - before, 1);

    equal_turns = 0;
    equal_task = EQUAL_SPIN;
    check("waking an equal", event_signal(EQUAL_EVENT), 0);
    check("does not preempt at once", equal_turns, 0);
    spin(SPIN_NS);
    equal_task = EQUAL_NOTHING;
    check("the tick shares the CPU among equals", equal_turns > 0, 1);

    equal_task = EQUAL_HOLD;
    check("waking it again", event_signal(EQUAL_EVENT), 0);
    check("it takes the peer's lock", thread_yield(), 0);
    spin(SPIN_NS / 4);
    int overlaps = contractpeer_hold(SPIN_NS / 4); // waits for the other's call to end
    check("two threads are never inside a serial component at once", overlaps + (int)equal_overlaps, 0);
    check("and both got their turn", equal_holds, 1);
}
