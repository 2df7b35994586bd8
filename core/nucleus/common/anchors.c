// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// anchors.c - tokens, and one stack anchor per thread and domain.
//
// The anchors in the slots are the running thread's; those of the others are kept here, out of every domain's reach.
// Nothing here follows an anchor: a domain can write what it likes into its own slots.
#include "anchors.h"
#include "errors.h"
#include "random.h"

#define STACK_RESERVE_BYTES 8192 // what a callee may use below the limit before it meets its guard page

struct anchor { uint64_t sp, limit; };
static struct anchor anchors[THREAD_MAX][DOMAIN_MAX];

static uint64_t *alias(uint64_t address) { return (uint64_t *)(address + ALIAS_OFFSET); }
static uint64_t *slot(uint32_t domain, uint32_t offset) { return alias(domain_table[domain].slots + offset); }

void anchors_prepare(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        struct anchor *anchor = &anchors[thread][d];
        anchor->sp = stack_base(d, thread);
        anchor->limit = stack_top(d, thread) - domain_table[d].stack_bytes + STACK_RESERVE_BYTES;
        *alias(anchor->sp) = random_word();  // sentinel, never a token: a forged return to an idle domain dies
    }
}

void anchors_save(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) anchors[thread][d].sp = *slot(d, SLOT_SP);
}

void anchors_set(uint32_t thread, uint32_t domain, uint64_t sp) { anchors[thread][domain].sp = sp; }

void anchors_load(uint32_t thread) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) {
        *slot(d, SLOT_SP) = anchors[thread][d].sp;
        *slot(d, SLOT_LIM) = anchors[thread][d].limit;
    }
    *slot(DOMAIN_MONITOR, SLOT_GIVEN) = (uint64_t)&public_area.given[thread];
}

void tokens_draw(void) {
    for (uint32_t d = DOMAIN_MONITOR; d < domain_count; d++) *slot(d, SLOT_ERR) = (uint64_t)-(int64_t)ENOSTACK;
    for (uint32_t e = 0; e < edge_count; e++) {
        const struct edge *edge = &edge_table[e];
        if (edge->kind < EDGE_FULL || edge->callee == DOMAIN_NUCLEUS) continue; // the nucleus draws its own, if it has any
        uint64_t token = random_word();
        *slot(edge->caller, SLOT_TOKENS + 8u * edge->caller_token) = token;
        *slot(edge->callee, SLOT_TOKENS + 8u * edge->callee_token) = token;
        if (edge->kind != EDGE_GIVE && edge->kind != EDGE_GIVES) continue;
        uint64_t with_caller = random_word(), with_callee = random_word();
        *slot(edge->caller, SLOT_TOKENS + 8u * (edge->caller_token + TOKEN_MONITOR)) = with_caller;
        *slot(edge->callee, SLOT_TOKENS + 8u * (edge->callee_token + TOKEN_MONITOR)) = with_callee;
        *slot(DOMAIN_MONITOR, SLOT_TOKENS + 8u * (edge->monitor_token + MONITOR_TOKEN_CALLER)) = with_caller;
        *slot(DOMAIN_MONITOR, SLOT_TOKENS + 8u * (edge->monitor_token + MONITOR_TOKEN_CALLEE)) = with_callee;
        *slot(DOMAIN_MONITOR, SLOT_TOKENS + 8u * (edge->monitor_token + MONITOR_TOKEN_EDGE)) = token;
    }
}
