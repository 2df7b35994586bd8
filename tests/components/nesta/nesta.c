// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nesta.c - see nesta.h.
#include "nesta.h"
#include <stdbool.h>
#include "clock.h"
#include "log.h"
#include "nestb.h"
#include "nesty.h"
#include "recovery.h"
#include "string.h"
#include "system.h"
#include "thread.h"
#include "xheap.h"

#define WORKERS 8
#define GO_EVENT 60
#define BUSY 1              // no result is this
#define SOON_NS 20000000    // longer than anything here takes that is not waiting
#define PATIENCE_NS 3000000000
#define DEPTH 4
#define HANDED 4

static int (*volatile jobs[WORKERS])(void);
static volatile int results[WORKERS];
static int failed, generation = 1;
static struct fault_row record;

static void check(const char *name, int64_t got, int64_t wanted) {
    failed += got != wanted;
    if (got == wanted) log_line("ok %s", name);
    else log_line("not ok %s got %ld wanted %ld", name, got, wanted);
}

static void pause(uint64_t ns) {
    int result = thread_sleep_until(time_now_ns() + ns);
    (void)result;
}

static int worker(uint32_t index) {
    for (uint32_t seen = 0;;) {
        int result = event_wait(GO_EVENT, seen, DEADLINE_NEVER);
        if (result < 0) return result;
        seen = event_count(GO_EVENT);
        if (!jobs[index] || results[index] != BUSY) continue;
        results[index] = jobs[index]();
    }
}

int nesta_worker_0(void) { return worker(0); }
int nesta_worker_1(void) { return worker(1); }
int nesta_worker_2(void) { return worker(2); }
int nesta_worker_3(void) { return worker(3); }
int nesta_worker_4(void) { return worker(4); }
int nesta_worker_5(void) { return worker(5); }
int nesta_worker_6(void) { return worker(6); }
int nesta_worker_7(void) { return worker(7); }

static void start(uint32_t first, uint32_t count, int (*job)(void)) {
    for (uint32_t i = first; i < first + count; i++) jobs[i] = job, results[i] = BUSY;
    check("workers start", event_signal(GO_EVENT), 0);
    pause(SOON_NS);
}

static int results_of(uint32_t first, uint32_t count, int wanted) {
    int found = 0;
    for (uint32_t i = first; i < first + count; i++) found += results[i] == wanted;
    return found;
}

// The domain started again, once, and serves: twice, so that the next death finds no back-off.
static void check_restart(void) {
    generation++;
    check("the next generation serves", nestb_generation(), generation);
    check("and goes on serving", nestb_generation(), generation);
}

static void check_kind(const char *kind) {
    uint64_t number = record.number;
    while (faults_read(number + 1, &record, 1) == 1 && record.number > number) number = record.number;
    check(kind, strcmp(record.kind, kind), 0);
}

// Eight threads, three of them through nestb: the five are back at once, the three when nesty lets them go.
static void threads_inside(void) {
    start(0, 5, nestb_wait);
    start(5, 3, nestb_through);
    check("three threads are behind nestb", nesty_inside(), 3);
    check("eight are inside", results_of(0, WORKERS, BUSY), WORKERS);
    check("the crash is its caller's -EDOMAINDEAD", nestb_crash(), -EDOMAINDEAD);
    pause(SOON_NS);
    check("five have their results", results_of(0, 5, -EDOMAINDEAD), 5);
    check("three are still in nesty", nesty_inside() + 10 * results_of(5, 3, BUSY), 33);
    check_restart();
    check("a new call through nestb, with old ones behind it", nestb_add(3), 3);
    check("nesty lets them go", event_signal(NESTY_EVENT), 0);
    pause(SOON_NS);
    check("nesty saw them leave", nesty_left() + 10 * nesty_inside(), 3);
    check("then they have theirs", results_of(5, 3, -EDOMAINDEAD), 3);
    check("nestb is not worse for it", nestb_add(4), 7);
}

// nesta -> nestb -> nesta -> nestb -> nesta -> nestb, which dies: each nesta gets its answer, the innermost first.
static int noted_depth[DEPTH], noted_result[DEPTH], noted;

int nesta_descend(uint32_t depth, uint32_t crashes) {
    int result = nestb_descend(depth ? depth - 1 : 0, crashes);
    if (noted < DEPTH) noted_depth[noted] = (int)depth, noted_result[noted] = result, noted++;
    return 0;
}

static void callbacks(void) {
    check("without a crash it returns", nestb_descend(DEPTH, 0), 0);
    check("each was called", noted, DEPTH / 2);
    noted = 0;
    check("with one the outermost gets -EDOMAINDEAD", nestb_descend(DEPTH, 1), -EDOMAINDEAD);
    check("and each within", noted, DEPTH / 2);
    check("the innermost first", noted_depth[0] * 10 + noted_depth[1], 13);
    check("with its own", noted_result[0], -EDOMAINDEAD);
    check("and the next", noted_result[1], -EDOMAINDEAD);
    check_restart();
}

// nestb dies, and then nesty on the same chain.
static void two_deaths(void) {
    start(0, 1, nestb_through_crash);
    check("one thread is behind nestb", nesty_inside(), 1);
    check("nestb dies", nestb_crash(), -EDOMAINDEAD);
    check_restart();
    check("nesty dies under the dead call", event_signal(NESTY_EVENT), 0);
    pause(SOON_NS);
    check("nesty started again", nesty_left(), 0);
    check("the caller of both has one answer", results[0], -EDOMAINDEAD);
    check("nestb did not start again", nestb_generation(), generation);
}

static int objects_of(uint32_t domain) {
    static struct system_object rows[SYSTEM_BATCH_MAX];
    int found = 0;
    for (uint32_t first = 0; first < XHEAP_GRANULES;) {
        int count = system_objects(first, rows, SYSTEM_BATCH_MAX);
        for (int i = 0; i < count; i++) found += rows[i].owner == domain || rows[i].owner == XHEAP_ORPHAN;
        first = count == SYSTEM_BATCH_MAX ? rows[count - 1].granule + 1
                                          : (first / XHEAP_CHUNK_GRANULES + 1) * XHEAP_CHUNK_GRANULES;
    }
    return found;
}

static int fetch(void) { return nestb_fetch(HANDED); }

// Objects on their way to a caller that died, and to a callee that did.
static void objects_in_flight(void) {
    uint32_t domain = (uint32_t)nestb_domain();
    start(0, 1, fetch);
    check("a call that will hand over objects", nesty_inside(), 1);
    check("its caller dies", nestb_crash(), -EDOMAINDEAD);
    check_restart();
    check("nobody owns anything of it", objects_of(domain), 0);
    check("they are handed over all the same", event_signal(NESTY_EVENT), 0);
    pause(SOON_NS);
    check("the caller's caller", results[0], -EDOMAINDEAD);
    check("and they are free again", objects_of(domain), 0);
    for (int i = 0; i < HANDED; i++) check("an object is given", nestb_keep(xheap_alloc(512)), 0);
    check("nestb has them", objects_of(domain), HANDED);
    check("and dies", nestb_crash(), -EDOMAINDEAD);
    check_restart();
    check("they are free again", objects_of(domain), 0);
}

static void too_long(void) {
    check("no deadline is 0", call_deadline(0), -EINVAL);
    check("nor too near", call_deadline(time_now_ns() + DEADLINE_LEAST_NS / 2), -EINVAL);
    check("a deadline", call_deadline(time_now_ns() + 50000000), 0);
    check("a callee that sleeps beyond it", nestb_sleep(), -EDOMAINDEAD);
    check_kind("deadline");
    check_restart();
    check("another", call_deadline(time_now_ns() + 50000000), 0);
    check("a callee that is busy with others", nestb_busy(), -EDOMAINDEAD);
    check_kind("deadline");
    check_restart();
    check("a deadline that is taken back", call_deadline(time_now_ns() + 50000000), 0);
    check("in time", call_deadline(DEADLINE_NEVER), 0);
    pause(100000000);
    check("ends nobody", nestb_generation(), generation);
    check("an endless loop", nestb_spin(), -EDOMAINDEAD);
    check_kind("loop");
    check_restart();
}

int nesta_main(void) {
    threads_inside();
    callbacks();
    two_deaths();
    objects_in_flight();
    too_long();
    log_line("UNWIND end failed=%d", failed);
    return failed != 0;
}
