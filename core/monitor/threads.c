// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// threads.c - thread states, events and switches.
//
//   thread_yield, thread_sleep_until, event_wait, event_signal   exported to every domain (core/include/thread.h)
//   threads_start, threads_tick, thread_end                      for the rest of the monitor
//
// The scheduler component says who is next; its answer is checked against the table, and round robin replaces a wrong
// one. It is not asked when there is no choice. Invariant: public_area.threads mirrors this table; exactly the threads
// that could run now are THREAD_RUNNABLE there.
#include "clock.h"
#include "device.h"
#include "healing.h"
#include "monitor.h"
#include "nucleus.h"
#include "sched.h"
#include "thread.h"

#define NO_EVENT EVENT_MAX
#define RESTART_EVENT (EVENT_MAX + 1) // no domain can signal these two

static struct wait {
    uint32_t event;             // NO_EVENT: only the deadline
    uint64_t deadline_ns;
    int result;
} waits[THREAD_MAX];
static uint32_t thread_limit = 1;      // threads 0..limit-1 have existed
static uint64_t interrupted;           // bit = thread that a tick stopped in a domain

static uint32_t current(void) { return public_area.cpu.thread; }
static volatile struct public_thread *view(uint32_t thread) { return &public_writable()->threads[thread]; }
static bool is_runnable(uint32_t thread) { return view(thread)->state == THREAD_RUNNABLE; }

static void make_runnable(uint32_t thread, int result) {
    waits[thread].result = result;
    view(thread)->state = THREAD_RUNNABLE;
}

static void wake_waiters(uint32_t event) {
    public_writable()->events[event]++;
    for (uint32_t t = 0; t < thread_limit; t++)
        if (view(t)->state == THREAD_WAITING && waits[t].event == event) make_runnable(t, 0);
}

static void wake_due(uint64_t now_ns) {
    for (uint32_t t = 0; t < thread_limit; t++)
        if (view(t)->state == THREAD_WAITING && waits[t].deadline_ns <= now_ns) make_runnable(t, -ETIMEDOUT);
}

// Devices on whose event somebody waits: asking the nucleus about others would cost a system call for nothing.
static uint64_t awaited_devices(void) {
    uint64_t mask = 0;
    for (uint32_t t = 0; t < thread_limit; t++)
        if (view(t)->state == THREAD_WAITING && waits[t].event < device_count) mask |= 1ull << waits[t].event;
    return mask;
}

static void deliver(int64_t ready) {
    if (ready < 0) return;
    if (ready & NUCLEUS_WAIT_REPORT) statistics_report();
    if (ready & NUCLEUS_WAIT_STOP) monitor_stop(0);
    for (uint32_t d = 0; d < device_count; d++)
        if (ready >> d & 1) wake_waiters(device_table[d].event);
}

static void idle(void) {
    uint64_t deadline_ns = DEADLINE_NEVER;
    for (uint32_t t = 0; t < thread_limit; t++)
        if (view(t)->state == THREAD_WAITING && waits[t].deadline_ns < deadline_ns) deadline_ns = waits[t].deadline_ns;
    if (recovery_deadline_ns() < deadline_ns) deadline_ns = recovery_deadline_ns();
    if (deadline_ns > time_now_ns()) deliver(nucleus_wait(deadline_ns, awaited_devices()));
    wake_due(time_now_ns());
    recovery_due(time_now_ns());
}

// The thread that should run, or -EAGAIN when none can. Highest priority, least recently run, when sched is wrong.
static int fallback(void) {
    int best = -EAGAIN;
    for (uint32_t t = 0; t < thread_limit; t++)
        if (is_runnable(t) && (best < 0 || view(t)->priority > view((uint32_t)best)->priority ||
                               (view(t)->priority == view((uint32_t)best)->priority &&
                                view(t)->last_run < view((uint32_t)best)->last_run)))
            best = (int)t;
    return best;
}

static int choose(void) {
    uint64_t runnable = 0;
    for (uint32_t t = 0; t < thread_limit; t++) runnable |= (uint64_t)is_runnable(t) << t;
    if (runnable == 0) return -EAGAIN;
    if ((runnable & (runnable - 1)) == 0) return __builtin_ctzll(runnable); // no choice, no crossing
    if ((runnable >> HEALER & 1) && view(HEALER)->priority == HEALER_PRIORITY) return HEALER;
    if (!recovery_scheduler_is_up()) return fallback();
    uint8_t busy = public_area.cpu.monitor_busy;
    public_writable()->cpu.monitor_busy = 1; // a tick in the scheduler waits until it has answered
    int chosen = sched_pick((int)current());
    public_writable()->cpu.monitor_busy = busy;
    return recovery_answer_is_right(chosen, runnable) ? chosen : fallback();
}

// Leaves the current thread if another should run; returns when this one is chosen again.
static void schedule(void) {
    int next;
    while ((next = choose()) < 0) idle();
    if ((uint32_t)next == current()) return;
    view((uint32_t)next)->last_run = ++public_writable()->switches;
    int error = nucleus_thread_switch((uint32_t)next);
    if (error) say("PANIC monitor: switch to thread %d: %d\n", next, error), monitor_stop(70);
}

static bool is_other_runnable(uint32_t self) {
    for (uint32_t t = 0; t < thread_limit; t++)
        if (t != self && is_runnable(t)) return true;
    return false;
}

static int block(uint32_t event, uint64_t deadline_ns) {
    uint32_t self = current();
    recovery_blocks(self);
    waits[self] = (struct wait){.event = event, .deadline_ns = deadline_ns};
    view(self)->state = THREAD_WAITING;
    // idle() asks the devices. When others run instead, nobody would before the next tick, however ready this one is.
    if (event < device_count && is_other_runnable(self)) deliver(nucleus_wait(0, 1ull << event));
    schedule();
    return waits[self].result;
}

int thread_yield(void) {
    wake_due(time_now_ns());
    view(current())->last_run = ++public_writable()->switches;
    schedule();
    return 0;
}

int thread_sleep_until(uint64_t deadline_ns) {
    if (deadline_ns > time_now_ns()) block(NO_EVENT, deadline_ns);
    return 0;
}

int event_wait(uint32_t event, uint32_t seen, uint64_t deadline_ns) {
    if (event >= EVENT_MAX) return -EINVAL;
    if (public_area.events[event] != seen) return 0;
    if (deadline_ns <= time_now_ns()) return -ETIMEDOUT;
    return block(event, deadline_ns);
}

int event_signal(uint32_t event) {
    if (event >= EVENT_MAX) return -EINVAL;
    wake_waiters(event);
    for (uint32_t t = 0; t < thread_limit; t++)
        if (is_runnable(t) && view(t)->priority > view(current())->priority) {
            schedule();
            break;
        }
    return 0;
}

// ---- for recovery

void threads_wake(uint32_t thread, int result) {
    if (view(thread)->state == THREAD_WAITING) make_runnable(thread, result);
}

void threads_reschedule(void) { schedule(); }
void threads_priority(uint32_t thread, uint8_t priority) { view(thread)->priority = priority; }
void threads_healer_wait(uint64_t deadline_ns) { (void)block(NO_EVENT, deadline_ns); }
void threads_restart_wait(void) { (void)block(RESTART_EVENT, DEADLINE_NEVER); }

void threads_restart_wake(void) {
    for (uint32_t t = 0; t < thread_limit; t++)
        if (view(t)->state == THREAD_WAITING && waits[t].event == RESTART_EVENT) make_runnable(t, 0);
}

bool threads_is_interrupted(uint32_t thread) { return interrupted >> thread & 1; }
void threads_interrupted(uint32_t thread, bool is) { interrupted = (interrupted & ~(1ull << thread)) | (uint64_t)is << thread; }

// ---- for the lists

uint32_t threads_count(void) { return thread_limit; }

void threads_wait_of(uint32_t thread, uint32_t *event, uint64_t *deadline_ns) {
    if (view(thread)->state != THREAD_WAITING) return;
    *event = waits[thread].event;
    *deadline_ns = waits[thread].deadline_ns;
}

void threads_start(void) {
    for (uint32_t e = 0; e < thread_entry_count; e++) {
        uint32_t thread = e + 1;
        if (thread >= THREAD_MAX || nucleus_thread_create(thread))
            say("PANIC monitor: no room for thread %s (THREAD_MAX is %d)\n", thread_table[e].name, THREAD_MAX), monitor_stop(70);
        thread_limit = thread + 1;
        view(thread)->priority = thread_table[e].priority;
        make_runnable(thread, 0);
    }
}

void thread_end(void) {
    view(current())->state = THREAD_ENDED;
    bool any = false;
    for (uint32_t t = HEALER + 1; t < thread_limit; t++) any |= view(t)->state == THREAD_RUNNABLE || view(t)->state == THREAD_WAITING;
    if (!any) monitor_stop(0);
    schedule();
    __builtin_trap(); // an ended thread is never chosen
}

void threads_tick(bool force) {
    if (!force) recovery_tick();       // a single step is no time
    uint64_t devices = awaited_devices();
    if (devices) deliver(nucleus_wait(0, devices));
    wake_due(time_now_ns());
    for (uint32_t t = 0; t < thread_limit; t++)
        if (t != current() && is_runnable(t) && (force || view(t)->priority >= view(current())->priority)) {
            view(current())->last_run = ++public_writable()->switches;
            schedule();
            return;
        }
}
