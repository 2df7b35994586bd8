// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// anchors.c - tokens, and one stack anchor per thread and domain.
//
// The anchors in the slots are the running thread's; those of the others are kept here, out of every domain's reach.
// Nothing here follows an anchor: a domain can write what it likes into its own slots.
#include "anchors.h"
#include "errors.h"
#include "nucleus.h"
#include "random.h"
#include <stdbool.h>

#define STACK_RESERVE_BYTES 8192 // what a callee may use below the limit before it meets its guard page

struct anchor { uint64_t sp, limit; };
static struct anchor anchors[THREAD_MAX][DOMAIN_MAX];
static uint64_t prepared;        // bit = thread with stacks
static uint32_t frozen;          // bit = domain that nobody may enter
_Static_assert(THREAD_MAX <= 64, "a bit per thread");

static uint64_t *alias(uint64_t address) { return (uint64_t *)(address + ALIAS_OFFSET); }
static uint64_t *slot(uint32_t domain, uint32_t offset) { return alias(domain_table[domain].slots + offset); }

static void anchor_prepare(uint32_t thread, uint32_t d, uint64_t limit) {
    anchors[thread][d] = (struct anchor){stack_base(d, thread), limit};
    uint64_t *base = alias(stack_base(d, thread));
    base[0] = random_word(); // sentinel, never a token: a forged return to an idle domain dies
    base[1] = stack_base(d, thread); // the anchor, for a light gate, which takes that as well before it faults
}

static uint64_t limit_of(uint32_t thread, uint32_t d) {
    return frozen >> d & 1 ? UINT64_MAX : stack_top(d, thread) - domain_table[d].stack_bytes + STACK_RESERVE_BYTES;
}

void anchors_prepare(uint32_t thread) {
    prepared |= 1ull << thread;
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) anchor_prepare(thread, d, limit_of(thread, d));
}

void anchors_save(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) anchors[thread][d].sp = *slot(d, SLOT_SP);
}

void anchors_set(uint32_t thread, uint32_t domain, uint64_t sp) { anchors[thread][domain].sp = sp; }

// By the alias: ring 0 of pc cannot read what is the domains' (SMAP).
static uint32_t running(void) { return ((const volatile struct public *)alias((uint64_t)&public_area))->cpu.thread; }

uint64_t anchors_get(uint32_t thread, uint32_t domain) {
    return thread == running() ? *slot(domain, SLOT_SP) : anchors[thread][domain].sp;
}

static void anchor_load(uint32_t thread, uint32_t d) {
    *slot(d, SLOT_SP) = anchors[thread][d].sp;
    *slot(d, SLOT_LIM) = anchors[thread][d].limit;
}

void anchors_load(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) anchor_load(thread, d);
    *slot(DOMAIN_MONITOR, SLOT_GIVEN) = (uint64_t)&public_area.given[thread];
}

static void token_set(const struct edge *edge, uint64_t token) {
    *slot(edge->caller, SLOT_TOKENS + 8u * edge->caller_token) = token;
    *slot(edge->callee, SLOT_TOKENS + 8u * edge->callee_token) = token;
}

static bool has_phase(const struct edge *edge) { return edge->kind == EDGE_GIVE || edge->kind == EDGE_GIVES; }

// Of the phase in the monitor, whose slots hold all three.
static void tokens_set(const struct edge *edge, uint64_t token, uint64_t with_caller, uint64_t with_callee) {
    token_set(edge, token);
    if (!has_phase(edge)) return;
    uint64_t *monitor = slot(DOMAIN_MONITOR, SLOT_TOKENS + 8u * edge->monitor_token);
    *slot(edge->caller, SLOT_TOKENS + 8u * (edge->caller_token + TOKEN_MONITOR)) = with_caller;
    *slot(edge->callee, SLOT_TOKENS + 8u * (edge->callee_token + TOKEN_MONITOR)) = with_callee;
    monitor[MONITOR_TOKEN_CALLER] = with_caller;
    monitor[MONITOR_TOKEN_CALLEE] = with_callee;
    monitor[MONITOR_TOKEN_EDGE] = token;
}

// The nucleus draws its own, if it has any; a light gate has none.
static bool has_token(const struct edge *edge) { return edge->kind >= EDGE_FULL && edge->callee != DOMAIN_NUCLEUS; }

static void edge_draw(const struct edge *edge) {
    uint64_t token = random_word();
    if (has_phase(edge)) tokens_set(edge, token, random_word(), random_word());
    else token_set(edge, token);
}

void tokens_draw(void) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) *slot(d, SLOT_ERR) = (uint64_t)-(int64_t)ENOSTACK;
    for (uint32_t e = 0; e < edge_count; e++)
        if (has_token(&edge_table[e])) edge_draw(&edge_table[e]);
}

// ---- recovery (nucleus.h)

static bool is_domain(uint32_t domain) { return domain >= DOMAIN_FIRST && domain < domain_count; }

int nucleus_domain_freeze(uint32_t domain) {
    if (!is_domain(domain)) return -EINVAL;
    *slot(domain, SLOT_ERR) = (uint64_t)-(int64_t)EDOMAINDEAD;
    frozen |= 1u << domain;
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        if (prepared >> t & 1) anchor_prepare(t, domain, limit_of(t, domain));
    anchor_load(running(), domain);
    return 0;
}

// All words of the page but the anchors and the tokens, which are set one by one.
void slots_restore(uint32_t domain) {
    for (uint32_t offset = SLOT_ERR + 8; offset < SLOT_TOKENS; offset += 8) *slot(domain, offset) = 0;
    *slot(domain, SLOT_ERR) = (uint64_t)-(int64_t)EDOMAINDEAD;
    anchor_load(running(), domain);
}

int nucleus_domain_thaw(uint32_t domain, uint32_t thread) {
    if (!is_domain(domain) || thread > THREAD_MAX) return -EINVAL;
    uint32_t before = frozen;
    frozen &= ~(1u << domain);
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        if ((prepared >> t & 1) && (thread == THREAD_MAX || thread == t)) anchors[t][domain].limit = limit_of(t, domain);
    if (thread != THREAD_MAX) frozen = before;  // for the threads to come, it is
    *slot(domain, SLOT_LIM) = anchors[running()][domain].limit;
    if (thread == THREAD_MAX) *slot(domain, SLOT_ERR) = (uint64_t)-(int64_t)ENOSTACK;
    return 0;
}

int nucleus_token_draw(uint32_t edge, uint32_t keeper, uint32_t is_kept) {
    if (edge >= edge_count || !has_token(&edge_table[edge])) return -EINVAL;
    const struct edge *of = &edge_table[edge];
    if (keeper != of->caller && keeper != of->callee) return -EINVAL;
    if (!is_kept) {
        edge_draw(of);
    } else if (has_phase(of)) {
        const uint64_t *monitor = slot(DOMAIN_MONITOR, SLOT_TOKENS + 8u * of->monitor_token);
        tokens_set(of, monitor[MONITOR_TOKEN_EDGE], monitor[MONITOR_TOKEN_CALLER], monitor[MONITOR_TOKEN_CALLEE]);
    } else {
        token_set(of, *slot(keeper, SLOT_TOKENS + 8u * (keeper == of->caller ? of->caller_token : of->callee_token)));
    }
    return 0;
}
