// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frames.c - who called whom and where, for reports: out of the frames that gates and functions left in
// the domains' memory.
//
// Invariant: all of it is read through the nucleus, range-checked, since a broken domain may have scribbled on its own.
#include "monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"
#include "symbols.h"

#define FRAME_COOKIE 0          // core/gates/frame_asm.h
#define FRAME_RBP 48
#define FRAME_RETURN 64
#define FRAMES_MAX 16           // what is generated, and the heap's own functions, above a gate

const struct edge *frames_entry(uint32_t domain, uint64_t anchor) {
    uint64_t id = 0;
    if (!anchor || nucleus_memory_read(anchor - 8, &id, sizeof id) || id >= edge_count) return NULL;
    return edge_table[id].callee == domain ? &edge_table[id] : NULL;
}

// Code that calls for somebody else. The monitor's own is so only where it has no stack of its own: behind a gate it is the caller.
static bool is_between(uint64_t address, bool with_monitor) {
    const char *file = symbol_file(address);
    if (symbol_is_generated(address)) return true;
    return file && (!strncmp(file, "shared-heap/", 12) || (with_monitor && !strncmp(file, "core/monitor/", 13)));
}

static uint64_t site_above(uint64_t address, uint64_t frame_pointer, bool with_monitor) {
    for (uint32_t i = 0; i < FRAMES_MAX && is_between(address - 1, with_monitor); i++) {
        uint64_t frame[2]; // previous frame pointer, return address
        if (nucleus_memory_read(frame_pointer, frame, sizeof frame)) break;
        frame_pointer = frame[0];
        address = frame[1];
    }
    return address;
}

uint64_t frames_site_above(uint64_t address, uint64_t frame_pointer) { return site_above(address, frame_pointer, true); }

uint64_t frames_site(uint64_t gate_frame) {
    uint64_t address = 0, frame_pointer = 0;
    if (nucleus_memory_read(gate_frame + FRAME_RETURN, &address, 8)) return 0;
    if (nucleus_memory_read(gate_frame + FRAME_RBP, &frame_pointer, 8)) return address;
    return site_above(address, frame_pointer, false);
}

bool frames_is_suspended(const struct edge *edge, uint64_t *gate_frame) {
    uint64_t cookie = 0, wanted = 0;
    uint32_t token = edge->caller_token + (edge->kind == EDGE_GIVES ? TOKEN_MONITOR : TOKEN_EDGE);
    if (nucleus_slots_read(edge->caller, SLOT_SP, gate_frame, 1) ||
        nucleus_memory_read(*gate_frame + FRAME_COOKIE, &cookie, 8))
        return false;
    if (edge->kind == EDGE_LIGHT) return cookie == (uint64_t)(edge - edge_table);
    return !nucleus_slots_read(edge->caller, SLOT_TOKENS + 8 * token, &wanted, 1) && cookie == wanted;
}
