// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// threads.c - the threads: whose they are, and what each waits for.
#include "thread.h"
#include <stdbool.h>
#include "clock.h"
#include "shell_commands.h"
#include "device.h"
#include "format.h"
#include "out.h"
#include "system.h"

#define LIBRARY_EVENT (EVENT_MAX - 1) // shared-heap/client.c, lib/alloc.c

static struct system_component components[EVENT_MAX]; // each has an event of its own
static uint32_t component_rows;

static void components_load(void) {
    component_rows = 0;
    while (component_rows + SYSTEM_BATCH_MAX <= EVENT_MAX) {
        int count = system_components(component_rows, components + component_rows, SYSTEM_BATCH_MAX);
        if (count <= 0 || count > SYSTEM_BATCH_MAX)
            break;
        for (int i = 0; i < count; i++, component_rows++)
            out_name(components[component_rows].name, sizeof(components[component_rows].name));
        if (count < SYSTEM_BATCH_MAX)
            break;
    }
}

static size_t event_text(char *out, size_t room, uint32_t event) {
    if (event == DEVICE_CONSOLE)
        return format(out, room, "console input");
    if (event == DEVICE_NET0)
        return format(out, room, "net0");
    if (event == LIBRARY_EVENT)
        return format(out, room, "a heap's lock");
    for (uint32_t i = 0; i < component_rows; i++)
        if (components[i].event == event)
            return format(out, room, "lock of %.12s", components[i].name);
    return format(out, room, "event %u", event);
}

// "net0, 0.098 s", "12.000 s", "net0", "".
static void wait_text(char *out, size_t room, const struct system_thread *thread) {
    size_t at = 0;
    out[0] = 0;
    if (thread->state != THREAD_WAITING)
        return;
    if (thread->event != SYSTEM_NO_EVENT)
        at = event_text(out, room, thread->event);
    if (thread->deadline_ns == DEADLINE_NEVER) {
        if (!at)
            format(out, room, "for ever");
        return;
    }
    uint64_t now_ns = time_now_ns();
    uint64_t left_ms = thread->deadline_ns > now_ns ? (thread->deadline_ns - now_ns) / 1000000 : 0;
    format(out + at, room - at, "%s%lu.%03u s", at ? ", " : "", left_ms / 1000, (unsigned)(left_ms % 1000));
}

static const char *state_text(const struct system_thread *thread, bool is_self) {
    static const char *const states[] = {[THREAD_FREE] = "free", [THREAD_RUNNABLE] = "runnable",
                                         [THREAD_WAITING] = "waiting", [THREAD_ENDED] = "ended"};
    return is_self ? "running" : thread->state < sizeof(states) / sizeof(*states) ? states[thread->state] : "?";
}

static const char *domain_text(const struct system_thread *thread) {
    uint32_t component = thread->component;
    return domain_name(component < component_rows ? components[component].domain : DOMAIN_MONITOR);
}

void command_threads(void) {
    static struct system_thread threads[THREAD_MAX];
    domains_load();
    components_load();
    int count = system_threads(0, threads, THREAD_MAX);
    out_line("%2s %-20s %-15s %4s %-8s %s", "id", "thread", "domain", "prio", "state", "waits for");
    for (int t = 0; t < count && t < THREAD_MAX; t++) {
        const struct system_thread *thread = &threads[t];
        char waits[32];
        wait_text(waits, sizeof(waits), thread);
        out_line("%2u %-20.20s %-15.15s %4u %-8s %s", (unsigned)t, out_name(threads[t].name, sizeof(threads[t].name)),
                 domain_text(thread), thread->priority, state_text(thread, (uint32_t)t == thread_self()), waits);
    }
}
