// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// watch_recover.c - who holds a thread too long, and a scheduler that cannot be right.
//
//   watchdog    ticks in a row that find a thread in the same domain, which called nobody and did not wait
//   deadlines   callers say until when a call must have returned (core/include/recovery.h)
//   scheduler   an answer that cannot run, or one thread passed over again and again
#include "autoconf.h"
#include "clock.h"
#include "ending.h"
#include "healing.h"
#include "nucleus.h"
#include "recovery.h"
#include "slots_asm.h"
#include "string.h"
#include "thread.h"

#define WATCHDOG_TICKS ((CONFIG_WATCHDOG_MS * CONFIG_TICK_HZ + 999) / 1000)
#define GRACE_NS 1000000000            // for whom a callee that was late had called, before that one is late as well
#define PASSED_OVER_MAX 4096            // answers that chose others, none of them of a higher priority

static struct stint { uint32_t domain, ticks; uint64_t calls; } stints[THREAD_MAX];
static uint64_t deadlines[THREAD_MAX][DOMAIN_MAX], next_deadline_ns = DEADLINE_NEVER;
static bool is_in_grace[THREAD_MAX][DOMAIN_MAX]; // the callee was ended for it, and the thread has not come back yet
static uint32_t passed_over[THREAD_MAX];
static struct fault view;

static uint64_t calls_of(uint32_t domain) {
    static uint64_t counts[2 * SLOT_EDGES_MAX];
    uint64_t calls = 0;
    if (nucleus_slots_read(domain, SLOT_CALLS, counts, 2 * SLOT_EDGES_MAX)) return 0;
    for (uint32_t i = 0; i < SLOT_EDGES_MAX; i++) calls += counts[2 * i];
    return calls;
}

void recovery_blocks(uint32_t thread) { stints[thread].ticks = 0; }

static bool is_looping(uint32_t thread) {
    struct stint *stint = &stints[thread];
    bool is_same = stint->ticks && stint->domain == view.domain;
    if (is_same && stint->ticks > 1) {    // to add up its calls takes longer than a tick's other work
        uint64_t calls = calls_of(view.domain);
        is_same = stint->ticks == 2 || calls == stint->calls;
        stint->calls = calls;
    }
    *stint = (struct stint){view.domain, is_same ? stint->ticks + 1 : 1, stint->calls};
    return WATCHDOG_TICKS && stint->ticks > WATCHDOG_TICKS + 2;
}

// DEADLINE_NEVER: none.
static void deadline_set(uint32_t thread, uint32_t caller, uint64_t deadline_ns) {
    deadlines[thread][caller] = deadline_ns == DEADLINE_NEVER ? 0 : deadline_ns;
    is_in_grace[thread][caller] = false;
    if (deadline_ns < next_deadline_ns) next_deadline_ns = deadline_ns;
}

int call_deadline(uint64_t deadline_ns) {
    if (!deadline_ns || deadline_ns < time_now_ns() + DEADLINE_LEAST_NS) return -EINVAL;
    deadline_set(public_area.cpu.thread, monitor_caller(), deadline_ns);
    return 0;
}

uint64_t recovery_deadline_ns(void) { return next_deadline_ns; }

void recovery_init_within(uint64_t ns) {
    deadline_set(HEALER, DOMAIN_MONITOR, ns ? time_now_ns() + ns : DEADLINE_NEVER);
}

static bool is_live(const struct step *step) {
    return step->edge != NO_EDGE && step->domain >= DOMAIN_FIRST && !step->is_dead;
}

// Who has to be ended for caller's late call on the thread; NULL: nobody. First whom it called. While that one's death
// has not brought the thread back, the innermost that holds it: there it was when its time, and the grace, were over.
static const struct step *latecomer(const struct chain *chain, uint32_t caller, bool is_ended) {
    uint32_t call = chain->is_broken ? 0 : chain->count, last = chain->count;
    while (call && (chain->step[call - 1].caller != caller || chain->step[call - 1].edge == NO_EDGE ||
                    chain->step[call - 1].domain < DOMAIN_FIRST))
        call--;
    if (!call || chain->step[call - 1].is_dead != is_ended) return NULL; // it returned, and there may be another call
    if (!is_ended) return &chain->step[call - 1];
    while (last > call && !is_live(&chain->step[last - 1])) last--;
    return last > call ? &chain->step[last - 1] : NULL;
}

static void late(uint32_t thread, uint32_t caller, uint32_t executing) {
    static struct chain chain;
    chain_read(thread, executing, &chain);
    const struct step *step = latecomer(&chain, caller, is_in_grace[thread][caller]);
    struct fault fault;
    is_in_grace[thread][caller] = false;
    if (!step || nucleus_thread_view(thread, &fault)) return;
    if (fault.domain != step->domain || !executing) fault.rip = fault.rbp = 0;
    fault.kind = FAULT_DEADLINE;
    fault.domain = step->domain;
    fault.thread = thread;
    is_in_grace[thread][caller] = true;
    deadlines[thread][caller] = time_now_ns() + GRACE_NS;
    domain_end(&fault, executing);
}

static void deadlines_check(uint64_t now_ns, uint32_t executing) {
    if (now_ns < next_deadline_ns) return;
    next_deadline_ns = DEADLINE_NEVER;
    for (uint32_t t = 0; t < threads_count(); t++)
        for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
            if (deadlines[t][d] && deadlines[t][d] <= now_ns) {
                deadlines[t][d] = 0;
                late(t, d, t == public_area.cpu.thread ? executing : 0);
            }
            if (deadlines[t][d] && deadlines[t][d] < next_deadline_ns) next_deadline_ns = deadlines[t][d];
        }
}

void recovery_due(uint64_t now_ns) { deadlines_check(now_ns, 0); }

void recovery_tick(void) {
    uint32_t thread = public_area.cpu.thread;
    if (nucleus_thread_view(thread, &view) || view.domain < DOMAIN_FIRST || view.domain >= domain_count) return;
    uint32_t executing = view.domain;
    if (is_looping(thread)) {
        stints[thread].ticks = 0;
        view.kind = FAULT_LOOP;
        struct fault fault = view;
        domain_end(&fault, executing);
    }
    deadlines_check(time_now_ns(), executing);
}

// ---- the scheduler

static uint32_t scheduler_domain(void) {
    static uint32_t found;
    for (uint32_t e = 0; e < edge_count && !found; e++) {
        const struct edge *edge = &edge_table[e];
        if (edge->caller == DOMAIN_MONITOR && !strcmp(edge->function, "sched_pick")) found = edge->callee;
    }
    return found;
}

bool recovery_scheduler_is_up(void) { return domain_state(scheduler_domain()) == SYSTEM_DOMAIN_RUNNING; }

static bool passes_over(int answer, uint64_t runnable) {
    bool is_too_often = false;
    uint8_t priority = public_area.threads[answer].priority;
    for (uint32_t t = 0; t < threads_count(); t++) {
        bool is_passed = (runnable >> t & 1) && (int)t != answer && public_area.threads[t].priority >= priority;
        passed_over[t] = is_passed ? passed_over[t] + 1 : 0;
        is_too_often |= passed_over[t] > PASSED_OVER_MAX;
    }
    return is_too_often;
}

bool recovery_answer_is_right(int answer, uint64_t runnable) {
    if (answer == -EDOMAINDEAD) return false; // ended already
    if (answer >= 0 && answer < THREAD_MAX && (runnable >> answer & 1) && !passes_over(answer, runnable)) return true;
    memset(passed_over, 0, sizeof passed_over);
    say("WARNING sched answered %d: it cannot run, or others are passed over; round robin decides instead\n", answer);
    struct fault fault = {.kind = FAULT_ANSWER, .domain = scheduler_domain(), .thread = public_area.cpu.thread,
                          .tsc = __builtin_ia32_rdtsc()};
    domain_end(&fault, 0);
    return false;
}
