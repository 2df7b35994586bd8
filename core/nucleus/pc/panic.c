// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// panic.c - the last words: what happened, and how ring 0, the monitor and the domains got there.
//
//   PANIC nucleus: out of memory; pages in use: 0x1f3c
//     at frame_take+0x7c core/nucleus/pc/frames.c:66 [nucleus]
//     at fill+0x31 domains/kv/load.c:20 [kv]
//     at gate kv_main from monitor [kv]
//
// Frames are followed by their frame pointers, and from domain to domain by the gates' records
// (core/gates/frame_asm.h). What a domain wrote is checked before it is followed, through the alias; nothing here makes
// a page or can fault in another way.
#include "pc.h"
#include "symbols.h"

#define FRAMES_MAX 24
#define FRAME_PREVIOUS_ANCHOR 8   // core/gates/frame_asm.h
#define FRAME_RBP 48
#define FRAME_RETURN 64

extern char nucleus_stack_top[], nucleus_abort_stack_top[];
extern const uint32_t symbol_table[]; // in the monitor's read-only data, under its key: read through the alias

const uint32_t *symbol_rows(void) { return alias_of((uintptr_t)symbol_table); }

void say(const char *text) {
    size_t bytes = 0;
    while (text[bytes] != 0) bytes++;
    console_put(text, bytes);
}

void say_number(uint64_t value, uint32_t base) {
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = 0;
    do digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    say(digits + at);
}

_Noreturn void die_with(const char *sentence) {
    say("cloister: ");
    say(sentence);
    say("\n");
    machine_end(EXIT_UNUSABLE);
}

static const char *domain_name(uint64_t address) {
    for (uint32_t id = 0; id < domain_count; id++)
        if (address - domain_table[id].text_start < domain_table[id].text_bytes) return domain_table[id].name;
    return "gates";
}

static void frame_say(uint64_t address) {
    char text[160];
    symbol_format(text, sizeof(text), address);
    say("  at ");
    say(text);
    say(" [");
    say(domain_name(address));
    say("]\n");
}

// A word of the nucleus' own stacks, or of domain memory; false: of neither.
static bool word_read(uint64_t address, uint64_t *value) {
    if (address % 8 != 0) return false;
    const uint64_t *from = (const uint64_t *)address;
    if (address < (uintptr_t)nucleus_stack_top - NUCLEUS_STACK_BYTES || address >= (uintptr_t)nucleus_abort_stack_top) {
        if (!memory_is_present(address) || !memory_is_present(address + ALIAS_OFFSET)) return false;
        from = alias_of(address);
    }
    *value = *from;
    return true;
}

// From the innermost frame outwards, until a frame pointer of 0, or one that does not lead upwards.
static void frames_say(uint64_t frame, uint32_t *left) {
    uint64_t above, address;
    for (; *left > 0 && frame != 0; (*left)--) {
        if (!word_read(frame, &above) || !word_read(frame + 8, &address) || address == 0) return;
        frame_say(address - 1);
        if (above <= frame) return;
        frame = above;
    }
}

// From the domain whose rights are live through the gates to whoever called it.
static void callers_say(uint32_t domain, uint32_t *left) {
    uint64_t anchors[DOMAIN_MAX], edge, frame, value;
    for (uint32_t id = DOMAIN_MONITOR; id < domain_count; id++) anchors[id] = *slot(id, SLOT_SP);
    for (; *left > 0 && domain >= DOMAIN_MONITOR && domain < domain_count; (*left)--) {
        if (!word_read(anchors[domain] - 8, &edge) || edge >= edge_count || edge_table[edge].callee != domain) return;
        uint32_t caller = edge_table[edge].caller;
        say("  at gate ");
        say(edge_table[edge].function);
        say(" from ");
        say(domain_table[caller].name);
        say(" [");
        say(domain_table[domain].name);
        say("]\n");
        domain = caller;
        frame = anchors[caller];
        if (word_read(frame + FRAME_RETURN, &value)) frame_say(value - 1);
        if (word_read(frame + FRAME_RBP, &value)) frames_say(value, left);
        if (!word_read(frame + FRAME_PREVIOUS_ANCHOR, &anchors[caller])) return;
    }
}

_Noreturn void nucleus_panic(const char *what, uint64_t value) {
    static bool is_panic;
    uint32_t left = FRAMES_MAX;
    if (is_panic) machine_end(EXIT_PANIC); // the report itself trapped
    is_panic = true;
    say("\nPANIC nucleus: ");
    say(what);
    say(" 0x");
    say_number(value, 16);
    say("\n");
    frames_say((uint64_t)__builtin_frame_address(0), &left);
    if (trap_context != NULL) {
        frame_say(trap_context->rip);
        frames_say(trap_context->rbp, &left);
        callers_say(rights_domain(trap_context), &left);
    }
    machine_end(EXIT_PANIC);
}
