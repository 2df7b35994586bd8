// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// healing_recover.c - the states of the domains: how one is ended, and how it starts (at boot, and again).
//
//   STARTING --inits returned--> RUNNING --domain_end()--> ENDED --due--> STARTING ... --too often--> DOWN
//
// Ending is one step of the monitor: nobody enters the domain from then on. Starting is the work of thread 0, the
// healer, which has the highest priority and runs nothing else: an init may wait, and it may fault like any code.
// Invariant: a domain that is not RUNNING is frozen, but for thread 0 while it is STARTING. The path of a restart is
// that of the first start; only what the nucleus did at boot is done again before it.
#include "clock.h"
#include "chain.h"
#include "ending.h"
#include "healing.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "thread.h"

// How long a restart waits after so many faults in a row without a served call; then it stays down.
static const uint32_t back_off_ms[] = {0, 10, 100, 1000};
#define BACK_OFF_STEPS (sizeof back_off_ms / sizeof *back_off_ms)
#define CALLEE_WAIT_MS 10                // an init that failed because whom it called is down is no failure of its own
#define INIT_NS 5000000000ull            // an init that waits longer waits for ever: the healer has others to start
#define SERVED_MS 100                    // who lived so long has served, also where nobody calls it

static struct healing {
    uint32_t state;                      // enum system_domain_state
    uint32_t generation, failures, restarts;
    uint64_t due_ns;                     // ENDED: when to start it
    uint64_t started_ns, calls;          // when it was RUNNING last, and the calls into it by then
    uint64_t inside;                     // ENDED: bit = thread that was inside
    uint64_t record;                     // its number, of what ended it
    bool is_innocent;                    // STARTING: its init was told -EDOMAINDEAD
} domains[DOMAIN_MAX];

uint32_t domain_generation(uint32_t domain) {
    return domain == DOMAIN_MONITOR ? BOOT_GENERATION : domains[domain].generation;
}
uint32_t domain_state(uint32_t domain) {
    return domain < DOMAIN_FIRST ? SYSTEM_DOMAIN_RUNNING : domains[domain].state;
}
uint32_t domain_restarts(uint32_t domain) { return domains[domain].restarts; }

const char recovery_thread_name[] = "healer";

static uint64_t now_tsc(void) { return __builtin_ia32_rdtsc(); }

// Calls into domain so far: counted by its callers.
static uint64_t calls_into(uint32_t domain) {
    uint64_t calls = 0, count;
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        uint32_t offset = SLOT_CALLS + 16u * edge->caller_token;
        if (edge->callee == domain && !nucleus_slots_read(edge->caller, offset, &count, 1)) calls += count;
    }
    return calls;
}

// Since it runs, more than the one call that ended it?
static bool has_served(const struct healing *of, uint32_t domain) {
    if (of->state != SYSTEM_DOMAIN_RUNNING) return false;
    return time_now_ns() - of->started_ns > SERVED_MS * 1000000ull || calls_into(domain) > of->calls + 1;
}

// By the caller's frame: what the domain itself says of that, it may have ruined.
static void entered_by(const struct chain *chain, uint32_t domain, struct fault_record *record) {
    for (uint32_t i = chain->count; i-- > 0;) {
        const struct step *step = &chain->step[i];
        if (step->domain != domain || step->edge == NO_EDGE) continue;
        record->edge = &edge_table[step->edge];
        record->site = frames_site(step->frame);
        return;
    }
}

// Does the monitor keep the thread waiting for domain? Above that call there may be the scheduler's, if it died as
// well.
static bool waits_for(const struct chain *chain, uint32_t domain) {
    uint32_t last = chain->count;
    for (; last; last--) {
        const struct step *step = &chain->step[last - 1];
        bool is_above = step->edge == NO_EDGE || (step->is_dead && step->caller == DOMAIN_MONITOR);
        if (!is_above) return step->domain == DOMAIN_MONITOR && step->caller == domain;
    }
    return false;
}

// The threads in it go to their callers as soon as nothing runs above them; those whom the monitor keeps waiting for it
// wait no longer. Into record: where the call came from by which its thread had entered it.
static void threads_leave(uint32_t domain, uint32_t executing, uint64_t *inside, uint64_t *others,
                          struct fault_record *record) {
    for (uint32_t t = 0; t < threads_count(); t++) {
        uint32_t state = public_area.threads[t].state;
        if (state == THREAD_FREE || state == THREAD_ENDED) continue;
        bool is_current = t == public_area.cpu.thread;
        const struct chain *chain = chain_end(t, is_current ? executing : 0, domain);
        if (chain->is_broken) *others |= chain->domains;
        if (chain->domains >> domain & 1) *inside |= 1ull << t;
        if (t == record->thread) entered_by(chain, domain, record);
        if (waits_for(chain, domain) || (chain->is_broken && !is_current)) threads_wake(t, -EDOMAINDEAD);
    }
}

void domain_end(const struct fault *fault, uint32_t executing) {
    uint32_t domain = fault->domain;
    struct healing *of = &domains[domain];
    struct fault_record *record = faults_add(fault, of->generation);
    record->tsc[FAULT_DETECTED] = now_tsc();
    // It was ended, and nobody ran in it since.
    if (of->state == SYSTEM_DOMAIN_ENDED || of->state == SYSTEM_DOMAIN_DOWN) return;
    uint64_t others = 0;
    bool served = has_served(of, domain);
    of->inside = 0;
    threads_leave(domain, executing, &of->inside, &others, record);
    int error = nucleus_domain_freeze(domain);
    (void)error;                          // it is a domain
    bool is_innocent = of->is_innocent && of->failures; // its own failures are as many as they were
    of->is_innocent = false;
    of->failures = served ? 1 : of->failures + !is_innocent;
    of->record = record->number;
    record->restart = of->failures;
    bool is_down = of->failures > BACK_OFF_STEPS;
    uint32_t wait_ms = is_innocent ? CALLEE_WAIT_MS : is_down ? 0 : back_off_ms[of->failures - 1];
    of->state = is_down ? SYSTEM_DOMAIN_DOWN : SYSTEM_DOMAIN_ENDED;
    of->due_ns = time_now_ns() + wait_ms * 1000000ull;
    record->outcome = is_down ? FAULT_DOWN : FAULT_WAITS;
    if (is_down) threads_restart_wake(); // its own threads end
    record->wait_ms = wait_ms;
    record->tsc[FAULT_UNWOUND] = now_tsc();
    threads_priority(HEALER, HEALER_PRIORITY);
    threads_wake(HEALER, 0);
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++)
        if (d != domain && (others >> d & 1) && domains[d].state != SYSTEM_DOMAIN_ENDED) {
            struct fault also = {.kind = FAULT_COLLATERAL, .domain = d, .thread = fault->thread, .tsc = fault->tsc};
            domain_end(&also, 0);
        }
}

// ---- starting

// In whose gate a tick stopped the thread; NO_EDGE: in none's.
static uint16_t gate_of(uint32_t thread) {
    struct fault view;
    if (!threads_is_interrupted(thread) || nucleus_thread_view(thread, &view)) return NO_EDGE;
    for (uint32_t e = 0; e < edge_count; e++)
        if (edge_contains(&edge_table[e], view.rip)) return (uint16_t)e;
    return NO_EDGE;
}

// A thread that was stopped inside a gate may hold the old token already: then the edge keeps it, and nobody innocent
// dies at the check. Whoever is past the check does not need it.
static void tokens_renew(uint32_t domain) {
    uint16_t gates[THREAD_MAX];
    uint32_t threads = threads_count();
    for (uint32_t t = 0; t < threads; t++) gates[t] = gate_of(t);
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        if ((edge->caller != domain && edge->callee != domain) || edge->kind < EDGE_FULL) continue;
        bool is_kept = chain_is_edge_ended(e);
        for (uint32_t t = 0; t < threads; t++) is_kept |= gates[t] == e;
        int error = nucleus_token_draw(e, edge->caller == domain ? edge->callee : edge->caller, is_kept);
        (void)error;                      // it is an edge with a token
    }
}

static bool devices_reset(uint32_t domain) {
    bool is_whole = true;
    for (uint32_t d = 0; d < device_count; d++)
        if (device_table[d].domain == domain && nucleus_device_reset(d)) is_whole = false;
    return is_whole;
}

// What domain was to get by a return is freed now. A list that names it later names what may be the next generation's.
static void lists_forget(uint32_t domain) {
    for (uint32_t t = 0; t < THREAD_MAX; t++) {
        struct give_list *list = &public_writable()->given[t];
        if (list->edge < edge_count && edge_table[list->edge].caller == domain) list->edge = GIVE_EDGE_NONE;
    }
}

static void reclaim(uint32_t domain) {
    lists_forget(domain);
    heap_reclaim(domain, domains[domain].generation, domains[domain].inside);
}

// Everything that it had is as at boot. False when a device did not come back.
static bool put_back(uint32_t domain, struct fault_record *record) {
    reclaim(domain);
    record->tsc[FAULT_RECLAIMED] = now_tsc();
    bool is_whole = devices_reset(domain);
    if (nucleus_domain_restore(domain)) is_whole = false;
    tokens_renew(domain);
    record->tsc[FAULT_RESET] = now_tsc();
    return is_whole;
}

// False when it failed, or its domain was ended.
static bool init(const struct component *component) {
    struct healing *of = &domains[component->domain];
    uint32_t generation = of->generation;
    if (generation > BOOT_GENERATION) recovery_init_within(INIT_NS);
    int result = component->init(generation, generation > BOOT_GENERATION);
    recovery_init_within(0);
    if (of->state != SYSTEM_DOMAIN_STARTING || of->generation != generation) return false;
    if (result >= 0) return true;
    // The first time it is the configuration that is wrong, or the machine, and no restart mends that.
    if (generation == BOOT_GENERATION && result != -EDOMAINDEAD) boot_refused(component->name, result);
    say("monitor: %s_init returned %d\n", component->name, result);
    of->is_innocent = result == -EDOMAINDEAD;
    struct fault failed = {.kind = FAULT_INIT, .domain = component->domain, .tsc = now_tsc()};
    domain_end(&failed, 0);
    return false;
}

static bool init_all(uint32_t domain) {
    for (uint32_t c = 0; c < component_count; c++)
        if (component_table[c].domain == domain && !init(&component_table[c])) return false;
    return true;
}

static void set_running(uint32_t domain) {
    domains[domain].state = SYSTEM_DOMAIN_RUNNING;
    domains[domain].started_ns = time_now_ns();
    domains[domain].calls = calls_into(domain);
}

// Threads that were refused while it was frozen, and stopped in the gate before they read why: they would now read
// something else.
static void gates_leave(uint32_t domain) {
    for (uint32_t t = HEALER + 1; t < threads_count(); t++) {
        uint16_t edge = gate_of(t);
        if (edge != NO_EDGE && edge_table[edge].callee == domain) chain_end(t, 0, domain);
    }
}

static void start_again(uint32_t domain) {
    struct healing *of = &domains[domain];
    struct fault_record *record = faults_find(of->record);
    of->state = SYSTEM_DOMAIN_STARTING;
    record->tsc[FAULT_BEGUN] = now_tsc();
    if (!put_back(domain, record)) say("monitor: a device of %s did not come back\n", domain_table[domain].name);
    of->restarts++;
    of->generation++;
    if (nucleus_domain_thaw(domain, HEALER) || !init_all(domain)) return;
    gates_leave(domain);
    int error = nucleus_domain_thaw(domain, THREAD_MAX); // the true point at which it serves again
    (void)error;                                         // it is a domain
    set_running(domain);
    record = faults_find(of->record);                              // the inits took their time
    record->tsc[FAULT_READY] = now_tsc();
    record->outcome = FAULT_RESTARTED;
    threads_restart_wake();
}

// Callees first, also where a domain has components of several depths; all can be called from the beginning.
void recovery_boot(void) {
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) domains[d].generation = BOOT_GENERATION;
    for (uint32_t c = 0; c < component_count; c++) {
        const struct component *component = &component_table[c];
        uint32_t left = 0;
        if (domains[component->domain].state != SYSTEM_DOMAIN_STARTING || !init(component)) continue;
        for (uint32_t later = c + 1; later < component_count; later++)
            left += component_table[later].domain == component->domain;
        if (!left) set_running(component->domain);
    }
}

static bool is_due(const struct healing *of) { return of->state == SYSTEM_DOMAIN_ENDED && of->due_ns <= time_now_ns(); }

// It stays down: nothing writes for it any more, and nothing is kept for it.
static void bury(uint32_t domain) {
    if (!devices_reset(domain)) say("monitor: a device of %s did not stop\n", domain_table[domain].name);
    reclaim(domain);
    domains[domain].due_ns = DEADLINE_NEVER;
}

// Starts who is due; returns when to look again.
static uint64_t heal(void) {
    uint64_t next_ns = DEADLINE_NEVER;
    for (uint32_t c = 0; c < component_count; c++) {
        uint32_t domain = component_table[c].domain;
        struct healing *of = &domains[domain];
        if (is_due(of)) {
            start_again(domain);
            c = UINT32_MAX; // from the beginning: its inits may have called somebody who then was ended
            next_ns = DEADLINE_NEVER;
            continue;
        }
        if (of->state == SYSTEM_DOMAIN_DOWN && of->due_ns != DEADLINE_NEVER) bury(domain);
        if (of->state == SYSTEM_DOMAIN_ENDED && of->due_ns < next_ns) next_ns = of->due_ns;
    }
    return next_ns;
}

// Other threads run meanwhile, unless somebody is ended: domain_end() gives the healer its priority back.
void recovery_serve(void) {
    for (;;) {
        uint64_t next_ns = heal();
        threads_priority(HEALER, TIDY_PRIORITY);
        threads_reschedule();
        while (public_area.threads[HEALER].priority == TIDY_PRIORITY && faults_say_one()) threads_reschedule();
        bool is_wanted = public_area.threads[HEALER].priority != TIDY_PRIORITY;
        threads_priority(HEALER, HEALER_PRIORITY);
        if (!is_wanted) threads_healer_wait(next_ns);
    }
}

bool recovery_thread_again(uint32_t domain, uint32_t generation, int status) {
    if (status != -EDOMAINDEAD) return false;
    if (domains[domain].generation == generation && domains[domain].state == SYSTEM_DOMAIN_RUNNING) return false;
    while (domains[domain].state != SYSTEM_DOMAIN_RUNNING && domains[domain].state != SYSTEM_DOMAIN_DOWN) threads_restart_wait();
    return domains[domain].state == SYSTEM_DOMAIN_RUNNING;
}
