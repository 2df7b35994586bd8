// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// prober.c - see prober.h.
#include <stdbool.h>
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "entropy.h"
#include "fs.h"
#include "inject.h"
#include "log.h"
#include "net.h"
#include "netdev.h"
#include "prober.h"
#include "recovery.h"
#include "string.h"
#include "system.h"
#include "thread.h"
#include "time.h"
#include "victim.h"

#define ROUNDS 40
#define PAUSE_NS 2000000          // until the records are told, and the restarted one has served
#define SERVED_CALLS 3            // more than the one that faults, so that no back-off begins
#define COMPONENTS_MAX 16
#define ASK_MAX 1000

static int call_fs(void) {
    static struct fs_stat stat;
    return fs_stat("/", 1, &stat);
}

static int call_net(void) {
    static struct net_status status;
    return net_status(&status);
}

static int call_netdev(void) {
    static struct netdev_info info;
    return netdev_info(&info);
}

static int call_time(void) {
    static struct time_statistics statistics;
    return time_statistics(&statistics);
}

static int call_console(void) { return console_write("", 0); }

static int call_entropy(void) {
    int64_t word = entropy_word();
    return word < 0 ? (int)word : 0;
}

static struct system_component components[COMPONENTS_MAX];
static struct fault_row record;
static uint64_t records;

// The row of the component of that name; -1: there is none.
static int row_of(const char *name) {
    int rows = system_components(0, components, COMPONENTS_MAX);
    for (int i = 0; i < rows; i++)
        if (!strcmp(components[i].name, name))
            return i;
    return -1;
}

// The newest record, which has to be of that component and complete.
static bool read_record(const char *name) {
    int rows;
    bool found = false;
    while ((rows = faults_read(records + 1, &record, 1)) == 1) {
        records = record.number;
        found = !strcmp(record.component, name) && record.ready_ns;
    }
    return found;
}

static void print(const char *name, uint64_t total_ns, unsigned calls) {
    log_line("RECOVERY component=%s total=%lu detect=%lu unwind=%lu wait=%lu reclaim=%lu reset=%lu init=%lu calls=%u", name,
             total_ns, record.detect_ns, record.unwind_ns, record.wait_ns, record.reclaim_ns, record.reset_ns,
             record.init_ns, calls);
}

// One round; false when anything was not as it has to be.
static bool probe(const char *name, int (*call)(void)) {
    int row = row_of(name);
    for (unsigned i = 0; i < SERVED_CALLS; i++)
        if (row < 0 || call() == -EDOMAINDEAD)
            return false;
    if (fault_inject((uint32_t)row, INJECT_ILLEGAL, INJECT_CALL(1), 0) < 0)
        return false;
    unsigned calls = 0;
    uint64_t start = __builtin_ia32_rdtsc();
    int result;
    do {
        result = call();
        calls++;
    } while (result == -EDOMAINDEAD);
    uint64_t total_ns = time_ticks_ns(__builtin_ia32_rdtsc() - start);
    if (calls < 2 || !read_record(name))
        return false;
    print(name, total_ns, calls);
    return true;
}

// The scheduler answers the monitor alone: who yields comes back by the fallback, and never hears of it.
static bool probe_scheduler(void) {
    int row = row_of("sched");
    if (row < 0 || fault_inject((uint32_t)row, INJECT_ILLEGAL, INJECT_CALL(1), 0) < 0)
        return false;
    uint64_t start = __builtin_ia32_rdtsc();
    while (!read_record("sched"))
        if (thread_yield() < 0)
            return false;
    print("sched", time_ticks_ns(__builtin_ia32_rdtsc() - start), 1);
    return true;
}

// crash=fs crash_ms=10: crashes that component so often, and does nothing else. The call that meets the fault is this one's
// or anybody's.
static int crash_for_ever(const char *name, int (*call)(void), uint64_t period_ns) {
    int row = row_of(name);
    for (uint64_t next_ns = time_now_ns() + period_ns; row >= 0; next_ns += period_ns) {
        if (thread_sleep_until(next_ns) < 0 || fault_inject((uint32_t)row, INJECT_ILLEGAL, INJECT_CALL(1), 0) < 0)
            break;
        for (unsigned i = 0; i < ASK_MAX && call() == -EDOMAINDEAD; i++) // somebody else's call may be first
            ;
    }
    return 1;
}

static bool pause(void) { return thread_sleep_until(time_now_ns() + PAUSE_NS) == 0; }

int prober_run(void) {
    static const struct { const char *name; int (*call)(void); } victims[] = {
        {"fs", call_fs}, {"net", call_net}, {"tap", call_netdev}, {"wire", call_netdev}, {"time", call_time}, {"console", call_console},
        {"virtio_rng", call_entropy}, {"victim", victim_count}};
    char wanted[16];
    if (boot_argument("crash", wanted, sizeof(wanted)))
        for (size_t i = 0; i < sizeof(victims) / sizeof(*victims); i++)
            if (!strcmp(victims[i].name, wanted))
                return crash_for_ever(wanted, victims[i].call, boot_number("crash_ms", 1000) * 1000000ull);
    for (unsigned round = 0; !boot_argument("crash", wanted, sizeof(wanted)) && round < ROUNDS; round++) {
        for (size_t i = 0; i < sizeof(victims) / sizeof(*victims); i++)
            if (row_of(victims[i].name) >= 0 && (!pause() || !probe(victims[i].name, victims[i].call))) {
                log_line("RECOVERY failed: %s, round %u", victims[i].name, round);
                return 1;
            }
        if (!pause() || !probe_scheduler()) {
            log_line("RECOVERY failed: sched, round %u", round);
            return 1;
        }
    }
    log_line("RECOVERY end");
    return 0;
}

int prober_partner(void) {
    char wanted[16];
    int result = 0;
    while (!boot_argument("crash", wanted, sizeof(wanted)) && result >= 0)
        result = thread_yield();
    return result;
}
