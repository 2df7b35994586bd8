// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject.c - CONFIG_FAULT_INJECTION, in the victim: its requests (struct inject_word), and what goes wrong.
//
// Generated wrappers (scripts/stubs.py) and inject_tick.S come here only when something is requested.
// Invariant: a request is cleared before it happens, so that no restart and no second thread repeats it.
#include "clock.h"
#include "copy.h"
#include "inject.h"
#include "slots_asm.h"
#include "thread.h"
#include "xheap.h"

#define LEAK_BYTES 1024
#define LEAK_OBJECTS 16
#define SLOW_US 1000
#define BUSY_NS 100000 // so that other threads run in between, and no watchdog of loops sees one
#define LADDER_FRAMES 100      // more than anybody reads
#define RESULT_CHANGE 0x2b5f3a1 // small results become large ones; errors become other errors, or results
#define ARGUMENT_CHANGE 0x5a00000000c3ull // no pointer stays one to memory, no size a small one
#define WILD_VALUE 0x2144495721444957ull

void inject_tick(void);

// Uses up the stack, a kilobyte at a time; depth never ends before the stack does.
static __attribute__((noinline)) int overflow(uint32_t depth) {
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth ? overflow(depth - 1) + frame[0] : 0;
}

static void flags_set(uint64_t flags) {
    __asm__ volatile("pushfq; or %0, (%%rsp); popfq" : : "r"(flags) : "memory", "cc");
}

#define FLAG_TRAP 0x100ull
#define FLAG_ALIGNMENT 0x40000ull

static void alignment(void) {
    volatile uint64_t words[2] = {0, 0};
    uint64_t value;
    flags_set(FLAG_ALIGNMENT);
    __asm__ volatile("mov 1(%1), %0" : "=r"(value) : "r"(words) : "memory");
    __asm__ volatile("pushfq; andq %0, (%%rsp); popfq" : : "i"(~(int)FLAG_ALIGNMENT) : "memory", "cc");
}

static void push_at(uint64_t stack_pointer) {
    __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(stack_pointer) : "memory");
}

static void jump(uint64_t address) { __asm__ volatile("jmp *%0" : : "r"(address) : "memory"); }

// What an attacker does who knows the rights that the gate loads, and not its token.
static void jump_gate(uint64_t address, uint64_t rights) {
    register uint64_t token __asm__("r11") = address ^ rights;
    __asm__ volatile("jmp *%0" : : "r"(address), "a"(rights), "c"(0ull), "d"(0ull), "r"(token) : "memory");
}

static void forget_objects(uint64_t count) {
    while (count-- && xheap_alloc(LEAK_BYTES)) {}
}

static void free_twice(void) {
    void *object = xheap_alloc(LEAK_BYTES);
    for (int i = 0; i < 2; i++) (void)!xheap_free(object);
}

static void exhaust(void) {
    for (size_t bytes = XHEAP_OBJECT_MAX; bytes >= XHEAP_GRANULE_BYTES; bytes /= 2)
        while (xheap_alloc(bytes)) {}
}

static void slow(uint64_t microseconds) {
    for (uint64_t end_ns = time_now_ns() + microseconds * 1000; time_now_ns() < end_ns;) {}
}

// The word in its slots that says where its newest frame lies.
static volatile uint64_t *anchor(void) { return (uint64_t *)((uintptr_t)&domain_copied - SLOT_COPIED + SLOT_SP); }

// Frames as a gate leaves them, from the newest: a cookie, where the one before lies.
static void ruin_frames(uint64_t how) {
    static uint64_t ladder[LADDER_FRAMES][2]; // not on the stack, where no thread's frames can be
    volatile uint64_t on_stack[LADDER_FRAMES][2];
    for (uint32_t i = 0; i < LADDER_FRAMES; i++) on_stack[i][1] = (uintptr_t)on_stack[i + 1], ladder[i][1] = (uintptr_t)ladder[i];
    on_stack[LADDER_FRAMES - 1][1] = (uintptr_t)ladder;
    const uint64_t anchors[] = {
        [FRAMES_ZERO] = 0, [FRAMES_ITSELF] = (uintptr_t)on_stack, [FRAMES_MONITOR] = STACKS_BASE + STACK_AREA_BYTES + STACK_STRIDE - 128,
        [FRAMES_NUCLEUS] = TEXT_BASE, [FRAMES_NONCANONICAL] = 0x8000000000000000, [FRAMES_ODD] = (uintptr_t)on_stack + 1,
        [FRAMES_LADDER] = (uintptr_t)on_stack,
    };
    uint64_t which = how % FRAMES_GO_ON;
    if (which == FRAMES_ITSELF) on_stack[0][1] = (uintptr_t)on_stack;
    *anchor() = which < sizeof(anchors) / sizeof(*anchors) ? anchors[which] : 0;
    if (!(how & FRAMES_GO_ON)) __asm__ volatile("ud2");
}

static void perform(const struct inject_word *word) {
    uint64_t argument = word->argument;
    switch (word->kind) {
    case INJECT_READ: (void)*(const volatile uint8_t *)argument; break;
    case INJECT_WRITE:
    case INJECT_WILD: *(volatile uint64_t *)argument = WILD_VALUE; break;
    case INJECT_UNMAPPED: *(volatile uint8_t *)argument = 0; break;
    case INJECT_STACK: (void)overflow(UINT32_MAX); break;
    case INJECT_INIT:
    case INJECT_ILLEGAL: __asm__ volatile("ud2"); break;
    case INJECT_PRIVILEGED: __asm__ volatile("hlt"); break;
    case INJECT_NONCANONICAL: (void)*(const volatile uint8_t *)0x8000000000000000; break;
    case INJECT_DIVIDE:
        __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; xor %%edx, %%edx; div %%ecx" : : : "rax", "rcx", "rdx", "cc");
        break;
    case INJECT_ALIGNMENT: alignment(); break;
    case INJECT_BREAKPOINT: __asm__ volatile("int3"); break;
    case INJECT_STEP: flags_set(FLAG_TRAP); break;
    case INJECT_DATA: jump((uintptr_t)domain_injects); break;
    case INJECT_ZERO: jump(0); break;
    case INJECT_STACK_ZERO: push_at(0); break;
    case INJECT_STACK_WILD: push_at(0x8000000000000000); break;
    case INJECT_STACK_FOREIGN: push_at(argument); break;
    case INJECT_LOOP: for (;;) __asm__ volatile("");
    case INJECT_NEVER: for (;;) (void)!thread_sleep_until(DEADLINE_NEVER);
    case INJECT_BUSY: for (;;) (void)!thread_sleep_until(time_now_ns() + BUSY_NS);
    case INJECT_DOUBLE_FREE: free_twice(); break;
    case INJECT_QUOTA: exhaust(); break;
    case INJECT_LEAK: forget_objects(argument ? argument : LEAK_OBJECTS); break;
    case INJECT_SLOW: slow(argument ? argument : SLOW_US); break;
    case INJECT_SYSCALL: jump(argument); break;
    case INJECT_DIE: jump_gate(argument, word->value); break;
    case INJECT_FRAMES: ruin_frames(argument); break;
    }
}

// Takes what is requested; a component's inits go on faulting.
static struct inject_word take(struct inject_word *word) {
    struct inject_word taken = *word;
    word->armed &= INJECT_HOOK_INIT;
    if (taken.kind == INJECT_INIT) word->armed = INJECT_HOOK_INIT;
    return taken;
}

// Is it now? Counts the hooks.
static bool is_due(struct inject_word *word) {
    if (word->left <= 1) return true;
    word->left--;
    return false;
}

int64_t inject_entry(uint32_t index) {
    struct inject_word *word = &domain_injects[index];
    if (!is_due(word)) return 0;
    struct inject_word taken = take(word);
    perform(&taken);
    return taken.kind == INJECT_RESULT ? RESULT_CHANGE : 0;
}

void inject_init(uint32_t index) {
    struct inject_word *word = &domain_injects[index];
    if (word->inits) {
        if (!--word->inits) word->armed &= ~INJECT_HOOK_INIT;
        __asm__ volatile("ud2");
    }
}

void inject_call(uint32_t index, uint64_t *values, uint32_t count) {
    struct inject_word *word = &domain_injects[index];
    if (word->kind != INJECT_ARGUMENT || !count || !is_due(word)) return;
    struct inject_word taken = take(word);
    values[taken.argument % count] ^= ARGUMENT_CHANGE;
}

// After a request of AFTER, or to a component that nobody calls.
void inject_returned(uint32_t index) {
    struct inject_word *word = &domain_injects[index];
    if (!(word->armed & INJECT_HOOK_CALL) || word->kind == INJECT_ARGUMENT || !is_due(word)) return;
    struct inject_word taken = take(word);
    perform(&taken);
}

void inject_tick(void) {
    for (uint32_t i = 0; i < domain_inject_count; i++) {
        struct inject_word *word = &domain_injects[i];
        if (!(word->armed & INJECT_HOOK_TICK)) continue;
        struct inject_word taken = take(word);
        perform(&taken);
        return;
    }
}
