// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// chain_recover.c - see chain.h.
//
// Everything read here lies in memory that a domain can write. Invariant: each list is walked upwards within one stack,
// at most FRAMES_MAX frames; a frame counts only with the token of an edge of its own domain; and a walk that does not
// use up all frames of all domains is broken.
#include "chain.h"
#include "address_map_asm.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"

#define FRAMES_MAX 48
#define FRAME_BYTES 72                     // core/gates/frame_asm.h, the return address included

struct frame { uint64_t address, cookie; };
static struct list {
    uint32_t count, used;
    bool is_bad;
    struct frame frame[FRAMES_MAX];        // newest first, as they are found
} lists[DOMAIN_MAX];
static uint64_t tokens[SLOT_EDGES_MAX];
static uint32_t tokens_domain;             // whose they are; 0: nobody's
static struct fault view;
extern uint64_t slot_monitor[];

// The calls of each thread whose callee died, outermost first.
static struct ended {
    uint32_t count;
    struct ended_call { struct step step; uint16_t called; bool is_adjacent; } call[CHAIN_MAX];
} ended[THREAD_MAX];
// called: the edge by which the dead activation had called on; NO_EDGE: it had not. is_adjacent: its caller is dead,
// too.

static void list_read(struct list *list, uint32_t thread, uint32_t d) {
    uint64_t base = stack_base(d, thread), lowest = stack_top(d, thread) - domain_table[d].stack_bytes;
    list->count = list->used = 0;
    list->is_bad = false;
    for (uint64_t at = view.anchor[d]; at != base;) {
        uint64_t frame[2];                 // cookie, the anchor before
        if (list->count == FRAMES_MAX || at % 8 || at < lowest || at > base - FRAME_BYTES ||
            nucleus_memory_read(at, frame, sizeof frame) || frame[1] <= at || frame[1] > base) {
            list->is_bad = true;
            return;
        }
        list->frame[list->count++] = (struct frame){at, frame[0]};
        at = frame[1];
    }
}

static uint16_t edge_of(uint32_t caller, uint64_t cookie) {
    if (tokens_domain != caller) {
        tokens_domain = caller;
        if (nucleus_slots_read(caller, SLOT_TOKENS, tokens, SLOT_EDGES_MAX)) return NO_EDGE;
    }
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        if (edge->caller != caller) continue;
        uint64_t wanted = edge->kind == EDGE_LIGHT ? e
                        : tokens[edge->caller_token + (edge->kind == EDGE_GIVES ? TOKEN_MONITOR : TOKEN_EDGE)];
        if (wanted == cookie) return (uint16_t)e;
    }
    return NO_EDGE;
}

// Frames of callers that are dead themselves are gone: at such an address, only a new generation can have one.
static const struct ended_call *ended_at(uint32_t thread, uint64_t frame) {
    for (uint32_t i = 0; i < ended[thread].count; i++) {
        const struct ended_call *call = &ended[thread].call[i];
        if (call->step.frame == frame && !call->is_adjacent) return call;
    }
    return NULL;
}

static bool is_next_adjacent(uint32_t thread, const struct ended_call *call) {
    return call + 1 < &ended[thread].call[ended[thread].count] && call[1].is_adjacent;
}

// The monitor came in by an upcall, above what current was doing.
static struct step upcall_step(uint32_t current) {
    return (struct step){.domain = DOMAIN_MONITOR, .caller = (uint8_t)current, .edge = NO_EDGE};
}

static bool step_add(struct chain *chain, struct step step) {
    chain->domains |= 1ull << step.domain;
    if (chain->count == CHAIN_MAX) return false;
    chain->step[chain->count++] = step;
    return true;
}

// Steps behind the last of domain, whose rights were live when the thread was stopped: it was inside a gate, with the
// frame of its call made already or not yet taken away; or they are its own invention, if they are harmless.
static bool cut_behind(struct chain *chain, uint32_t domain) {
    for (; chain->count; chain->count--) {
        const struct step *last = &chain->step[chain->count - 1];
        if (last->domain == domain) return true;
        if (last->edge != NO_EDGE && last->caller != domain) return false;
    }
    return false;
}

// Follows the lists from the monitor's oldest frame inwards. stopped: whose rights were live when an upcall came, and
// when another came while the monitor had called from the first. False: broken.
static bool walk(uint32_t thread, const uint32_t stopped[2], struct chain *chain) {
    uint32_t current = DOMAIN_MONITOR, level = 0;
    const struct list *monitor = &lists[DOMAIN_MONITOR];
    for (;;) {
        struct list *list = &lists[current];
        bool is_stopped = level < 2 && current == stopped[level];
        if (list->is_bad && !is_stopped) return false;
        if (list->is_bad || list->used == list->count) { // who ruined its own stack called nobody
            if (level < 2 && stopped[level] && !cut_behind(chain, stopped[level])) return false;
            // The monitor at work above it? Whom it called from there comes next.
            if (current == DOMAIN_MONITOR || monitor->used == monitor->count) return true;
            if (!step_add(chain, upcall_step(current))) return false;
            current = DOMAIN_MONITOR;
            level++;
            continue;
        }
        const struct frame *frame = &list->frame[list->count - 1 - list->used++];
        const struct ended_call *dead = ended_at(thread, frame->address);
        if (dead) {
            if (!step_add(chain, dead->step)) return false;
            for (; is_next_adjacent(thread, dead); dead++) // whom it called is dead as well
                if (!step_add(chain, dead[1].step)) return false;
            current = dead->step.domain;
            if (dead->called == NO_EDGE) {               // stopped inside; what the monitor called above it remains
                level++;
                if (monitor->used == monitor->count) return true;
                if (!step_add(chain, upcall_step(current))) return false;
                current = DOMAIN_MONITOR;
                continue;
            }
            const struct edge *on = &edge_table[dead->called];
            if (!step_add(chain, (struct step){.domain = on->callee, .caller = on->caller, .edge = dead->called}))
                return false;
            current = on->callee;
            continue;
        }
        uint16_t edge = edge_of(current, frame->cookie);
        if (edge == NO_EDGE) {
            list->is_bad = true;
            continue;
        }
        if (edge_table[edge].callee == DOMAIN_NUCLEUS) return true;
        struct step step = {
            .domain = edge_table[edge].callee, .caller = (uint8_t)current, .edge = edge, .frame = frame->address};
        if (!step_add(chain, step)) return false;
        current = step.domain;
    }
}

// A thread that was interrupted inside a gate, with its caller's rights, has that call's frame, but not the call: what
// the monitor does above the interrupt is not that call's. A frame above the stack pointer is an older call's.
static void frame_drop(uint32_t domain) {
    struct list *list = &lists[domain];
    if (domain < DOMAIN_FIRST || domain >= domain_count || list->is_bad || !list->count) return;
    uint64_t frame = list->frame[0].address, top = STACKS_BASE + (domain + 1) * (uint64_t)STACK_AREA_BYTES;
    bool is_older = view.rsp < frame && view.rsp >= top - STACK_AREA_BYTES;
    uint16_t e = edge_of(domain, list->frame[0].cookie);
    if (is_older || e == NO_EDGE || !edge_contains(&edge_table[e], view.rip)) return;
    list->count--;
    memmove(&list->frame[0], &list->frame[1], list->count * sizeof list->frame[0]);
}

void chain_read(uint32_t thread, uint32_t executing, struct chain *chain) {
    *chain = (struct chain){0};
    tokens_domain = 0;
    if (nucleus_thread_view(thread, &view)) return;
    // On host the view shows the frame of the very call that made it, which is over: its bytes may be anybody's by now.
    if (thread == public_area.cpu.thread) view.anchor[DOMAIN_MONITOR] = slot_monitor[SLOT_SP / 8];
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        list_read(&lists[d], thread, d);
        if (lists[d].count || lists[d].is_bad) chain->domains |= 1ull << d;
    }
    bool is_interrupted = threads_is_interrupted(thread);
    if (is_interrupted) frame_drop(view.domain);
    const uint32_t stopped[2] = {is_interrupted ? view.domain : executing, is_interrupted ? executing : 0};
    chain->is_broken = !walk(thread, stopped, chain);
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++)
        if (d != executing && (lists[d].is_bad || lists[d].used != lists[d].count)) chain->is_broken = true;
}

static void thread_end_all(uint32_t thread) {
    const struct list *monitor = &lists[DOMAIN_MONITOR];
    ended[thread].count = 0;
    if (!monitor->count) return;
    uint64_t frame = monitor->frame[monitor->count - 1].address;
    uint16_t edge = edge_of(DOMAIN_MONITOR, monitor->frame[monitor->count - 1].cookie);
    if (edge == NO_EDGE || edge_table[edge].callee == DOMAIN_NUCLEUS) return;
    ended[thread].count = 1;
    ended[thread].call[0] = (struct ended_call){
        .step = {.domain = edge_table[edge].callee, .caller = DOMAIN_MONITOR, .is_dead = true, .edge = edge,
                 .frame = frame},
        .called = NO_EDGE};
}

const struct chain *chain_end(uint32_t thread, uint32_t executing, uint32_t domain) {
    static struct chain chain;
    chain_read(thread, executing, &chain);
    if (chain.is_broken) {
        thread_end_all(thread);
        return &chain;
    }
    if (!(chain.domains >> domain & 1)) return &chain;
    static struct ended before;
    struct ended *calls = &ended[thread];
    uint32_t known = 0;
    before = *calls;
    calls->count = 0;
    for (uint32_t i = 0; i < chain.count; i++) {
        struct step *step = &chain.step[i];
        bool is_last = i + 1 == chain.count || chain.step[i + 1].edge == NO_EDGE;
        uint16_t called = is_last ? NO_EDGE : chain.step[i + 1].edge;
        // Whoever is just returning to an activation that was dead before still has to meet the sentinel.
        if (step->is_dead && known < before.count) called = before.call[known++].called;
        step->is_dead |= step->domain == domain;
        if (!step->is_dead) continue;
        calls->call[calls->count++] = (struct ended_call){
            .step = *step, .called = called, .is_adjacent = i && chain.step[i - 1].is_dead};
    }
    return &chain;
}

bool chain_has_dead(uint32_t thread) { return ended[thread].count; }

bool chain_is_edge_ended(uint32_t edge) {
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        for (uint32_t i = 0; i < ended[t].count; i++)
            if (ended[t].call[i].step.edge == edge) return true;
    return false;
}

bool chain_is_ended(uint32_t thread) {
    const struct ended *calls = &ended[thread];
    return calls->count && calls->call[calls->count - 1].called == NO_EDGE;
}

struct step chain_take(uint32_t thread) {
    struct ended *calls = &ended[thread];
    struct ended_call call = calls->call[--calls->count];
    while (call.is_adjacent && calls->count) call = calls->call[--calls->count];
    return call.step;
}

bool chain_returned(uint32_t thread, const struct edge **edge) {
    static struct chain chain;
    struct ended *calls = &ended[thread];
    if (!calls->count) return false;
    struct ended_call *last = &calls->call[calls->count - 1];
    if (last->called == NO_EDGE) return false;
    chain_read(thread, 0, &chain);
    chain_strip_upcalls(&chain); // this look itself
    if (chain.is_broken || chain.count < 2 || !chain.step[chain.count - 2].is_dead ||
        chain.step[chain.count - 2].frame != last->step.frame)
        return false;
    *edge = &edge_table[last->called];
    last->called = NO_EDGE;
    return true;
}
