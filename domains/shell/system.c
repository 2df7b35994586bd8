// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// system.c - domains, gates, uptime, and the end: what the monitor tells (core/include/system.h).
//
// The rows come through the shared heap, where every domain can write: names are cleaned, numbers are only printed.
#include "system.h"
#include "address_map_asm.h"
#include "clock.h"
#include "shell_commands.h"
#include "domain.h"
#include "format.h"
#include "out.h"
#include "string.h"

#define COMPONENTS_COLUMN 53

static struct system_domain domains[DOMAIN_MAX];
static uint32_t domain_rows;

// Rows that a list call filled, in spite of what it says.
static uint32_t rows(int result, uint32_t max) {
    return result < 0 ? 0 : (uint32_t)result < max ? (uint32_t)result : max;
}

void domains_load(void) {
    domain_rows = rows(system_domains(0, domains, DOMAIN_MAX), DOMAIN_MAX);
    for (uint32_t d = 0; d < domain_rows; d++)
        out_name(domains[d].name, sizeof(domains[d].name));
}

const char *domain_name(uint32_t domain) { return domain < domain_rows ? domains[domain].name : "?"; }

// ---- domains ----

// The names of a domain's components, as many per line as there is room; head is the first line up to there.
static void components_line(const char *head, uint32_t domain) {
    static struct system_component components[SYSTEM_BATCH_MAX];
    char text[OUT_WIDTH + SYSTEM_NAME_BYTES];
    size_t at = 0;
    for (uint32_t first = 0, count = SYSTEM_BATCH_MAX; count == SYSTEM_BATCH_MAX; first += count) {
        count = rows(system_components(first, components, SYSTEM_BATCH_MAX), SYSTEM_BATCH_MAX);
        for (uint32_t i = 0; i < count; i++) {
            if (components[i].domain != domain)
                continue;
            const char *name = out_name(components[i].name, sizeof(components[i].name));
            size_t length = strlen(name);
            if (at && COMPONENTS_COLUMN + at + 1 + length > OUT_WIDTH) {
                out_line("%-*s%.*s", COMPONENTS_COLUMN, head, (int)at, text);
                head = "";
                at = 0;
            }
            if (at)
                text[at++] = ' ';
            memcpy(text + at, name, length);
            at += length;
        }
    }
    out_line("%-*s%.*s", COMPONENTS_COLUMN, head, (int)at, text);
}

static const char *const states[] = {
    [SYSTEM_DOMAIN_STARTING] = "starting", [SYSTEM_DOMAIN_RUNNING] = "running", [SYSTEM_DOMAIN_ENDED] = "ended",
    [SYSTEM_DOMAIN_DOWN] = "down"};
#define STATES (sizeof(states) / sizeof(*states))

void command_domains(void) {
    domains_load();
    out_line("%-15s %3s %6s %-8s %7s %8s components", "domain", "key", "starts", "state", "stack", "heap");
    for (uint32_t d = 0; d < domain_rows; d++) {
        const struct system_domain *domain = &domains[d];
        char head[OUT_LINE_MAX], key[12], stack[OUT_SIZE_BYTES], heap[OUT_SIZE_BYTES];
        format(key, sizeof(key), domain->pkey || d == DOMAIN_NUCLEUS ? "%u" : "-", domain->pkey);
        format(head, sizeof(head), "%-15.15s %3s %6u %-8s %7s %8s", domain->name, key, domain->generation,
               domain->state < STATES ? states[domain->state] : "?", out_size(stack, domain->stack_bytes),
               out_size(heap, domain->heap_bytes));
        components_line(head, d);
    }
}

// ---- gates ----

static const char *kind_name(uint32_t kind) {
    static const char *const names[] = {[EDGE_NONE] = "none", [EDGE_LIGHT] = "light", [EDGE_FULL] = "full",
                                        [EDGE_GIVE] = "give", [EDGE_GIVES] = "gives", [EDGE_NUCLEUS] = "full"};
    return kind < sizeof(names) / sizeof(*names) ? names[kind] : "?";
}

void command_gates(void) {
    static struct system_edge edges[SYSTEM_BATCH_MAX];
    struct system_about about = {0};
    if (system_about(&about) < 0 || !about.counts_calls) {
        out_line(about.has_keys ? "this image does not count calls through its gates (CONFIG_GATE_COUNT)"
                                : "all components share one domain: calls are function calls, there are no gates");
        return;
    }
    domains_load();
    uint64_t total = 0, copied = 0;
    uint32_t called = 0, all = 0;
    out_line("%-12s %-12s %-24s %-5s %11s %10s", "caller", "callee", "function", "gate", "calls", "copied");
    for (uint32_t count = SYSTEM_BATCH_MAX; count == SYSTEM_BATCH_MAX; all += count) {
        count = rows(system_edges(all, edges, SYSTEM_BATCH_MAX), SYSTEM_BATCH_MAX);
        for (uint32_t i = 0; i < count; i++) {
            const struct system_edge *edge = &edges[i];
            if (!edge->calls)
                continue;
            called++;
            total += edge->calls;
            copied += edge->copied_bytes;
            out_line("%-12.12s %-12.12s %-24.24s %-5s %11lu %10lu", domain_name(edge->caller),
                     domain_name(edge->callee), out_name(edges[i].function, sizeof(edges[i].function)), kind_name(edge->kind), edge->calls,
                     edge->copied_bytes);
        }
    }
    out_line("%lu calls, %lu bytes copied; gates called: %u, never called: %u", total, copied, called, all - called);
}

// ---- the system ----

void command_uptime(void) {
    struct system_about about;
    char up[OUT_DURATION_BYTES];
    if (system_about(&about) < 0)
        return;
    uint64_t ns = time_now_ns() - about.start_ns;
    uint64_t idle_ns = (uint64_t)((unsigned __int128)about.idle_tsc * public_area.clock.multiplier >> 32);
    unsigned idle = ns ? (unsigned)(idle_ns < ns ? (unsigned __int128)idle_ns * 1000 / ns : 1000) : 0;
    out_line("up %s, idle for %u.%u%% of it, %lu thread switches", out_duration(up, ns), idle / 10, idle % 10,
             public_area.switches);
}

static void stop(uint32_t how) {
    out_flush();
    int error = system_stop(how);
    out_line("the monitor refused: error %d", -error);
}

void command_reboot(void) { stop(SYSTEM_REBOOT); }
void command_shutdown(void) { stop(SYSTEM_SHUTDOWN); }
