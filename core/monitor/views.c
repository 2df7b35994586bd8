// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// views.c - the lists of core/include/system.h, out of the monitor's tables and counters.
//
//   system_about, system_domains, system_components, system_edges, system_threads, system_objects
//
// Each row is made on the monitor's stack, whole and zeroed, and copied out once: the caller's object is only written,
// never read. Invariant: a row has names, numbers and times; no token, register or address gets into one.
#include "autoconf.h"
#include "clock.h"
#include "healing.h"
#include "heap_monitor.h"
#include "monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"
#include "system.h"
#include "thread.h"

#ifdef CONFIG_GATE_COUNT
#define GATES_COUNT 1
#else
#define GATES_COUNT 0
#endif

static bool has_keys(void) { return domain_table[DOMAIN_FIRST].pkru != 0; }

static void name_copy(char *out, const char *name) { memcpy(out, name, strnlen(name, SYSTEM_NAME_BYTES - 1)); }

// How many rows from first on a call gets, or -EINVAL.
static int rows_of(uint32_t first, uint32_t count, size_t max) {
    if (!max || max > SYSTEM_BATCH_MAX) return -EINVAL;
    uint32_t left = first < count ? count - first : 0;
    return (int)(left < max ? left : max);
}

int system_about(struct system_about *out) {
    struct system_about about = {
        .start_ns = public_area.start_ns, .idle_tsc = public_area.idle_tsc,
        .domains = domain_count, .components = component_count, .edges = edge_count, .threads = threads_count(),
        .has_keys = has_keys(), .counts_calls = has_keys() && GATES_COUNT,
    };
    memcpy(out, &about, sizeof about);
    return 0;
}

int system_domains(uint32_t first, struct system_domain *out, size_t max) {
    int rows = rows_of(first, domain_count, max);
    for (int i = 0; i < rows; i++) {
        uint32_t d = first + (uint32_t)i;
        const struct domain *domain = &domain_table[d];
        struct system_domain row = {
            .heap_bytes = domain->heap_bytes,
            .charged_bytes = heap_account[d].bytes, .most_bytes = heap_account[d].most_bytes,
            .quota_bytes = domain->shared_bytes_max, .charged_objects = heap_account[d].objects,
            .most_objects = heap_account[d].most_objects, .quota_objects = domain->shared_objects_max,
            .refusals = heap_account[d].refusals, .misuses = misuse_counts[d].all,
            .stack_bytes = domain->stack_bytes, .pkey = domain->pkey,
            .generation = domain_generation(d), .state = domain_state(d), .restarts = domain_restarts(d),
        };
        name_copy(row.name, domain->name);
        memcpy(&out[i], &row, sizeof row);
    }
    return rows;
}

int system_components(uint32_t first, struct system_component *out, size_t max) {
    int rows = rows_of(first, component_count, max);
    for (int i = 0; i < rows; i++) {
        const struct component *component = &component_table[first + (uint32_t)i];
        struct system_component row = {.domain = component->domain, .event = component->event};
        name_copy(row.name, component->name);
        memcpy(&out[i], &row, sizeof row);
    }
    return rows;
}

int system_edges(uint32_t first, struct system_edge *out, size_t max) {
    int rows = rows_of(first, edge_count, max);
    for (int i = 0; i < rows; i++) {
        const struct edge *edge = &edge_table[first + (uint32_t)i];
        struct system_edge row = {.caller = edge->caller, .callee = edge->callee, .kind = edge->kind};
        uint64_t counts[2];
        if (!nucleus_slots_read(edge->caller, SLOT_CALLS + 16u * edge->caller_token, counts, 2)) {
            row.calls = counts[0];
            row.copied_bytes = counts[1];
        }
        name_copy(row.function, edge->function);
        memcpy(&out[i], &row, sizeof row);
    }
    return rows;
}

int system_threads(uint32_t first, struct system_thread *out, size_t max) {
    int rows = rows_of(first, threads_count(), max);
    for (int i = 0; i < rows; i++) {
        uint32_t t = first + (uint32_t)i;
        const volatile struct public_thread *thread = &public_area.threads[t];
        const struct thread_entry *entry = t ? &thread_table[t - 1] : NULL;
        struct system_thread row = {
            .deadline_ns = DEADLINE_NEVER, .component = entry ? entry->component : UINT32_MAX,
            .state = thread->state, .priority = thread->priority, .event = SYSTEM_NO_EVENT,
        };
        threads_wait_of(t, &row.event, &row.deadline_ns);
        if (row.event >= EVENT_MAX) row.event = SYSTEM_NO_EVENT;
        name_copy(row.name, entry ? entry->name : recovery_thread_name);
        memcpy(&out[i], &row, sizeof row);
    }
    return rows;
}

int system_objects(uint32_t first, struct system_object *out, size_t max) {
    static struct system_object rows[SYSTEM_BATCH_MAX];
    if (!max || max > SYSTEM_BATCH_MAX) return -EINVAL;
    int count = heap_objects(first, rows, max);
    if (count > 0) memcpy(out, rows, (size_t)count * sizeof *rows);
    return count;
}
