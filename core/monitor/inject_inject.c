// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_inject.c - CONFIG_FAULT_INJECTION, the monitor's part: requests, when their time comes, and the canaries.
//
// A request is written into the victim's own memory (struct inject_word), where its wrappers find it; what comes with a
// tick or with time is looked at in front of threads_tick(), by the linker's --wrap (scripts/build.mk).
// Invariant: a word is written whole, with its kind and argument already checked.
#include "boot.h"
#include "clock.h"
#include "inject.h"
#include "monitor.h"
#include "nucleus.h"
#include "string.h"

#define MODE_SHIFT 30
#define NS_PER_MS 1000000ull
#define UNMAPPED_ADDRESS 0x1000
#define CALLS_MAX 16                   // how far ahead the random mode looks
#define INITS_MAX 2                    // which recovery stands without giving up
#define BIT(kind) (1ull << (kind))
#define NEEDS_CALL (BIT(INJECT_ARGUMENT) | BIT(INJECT_RESULT) | BIT(INJECT_DOUBLE_FREE) | BIT(INJECT_QUOTA) | BIT(INJECT_LEAK))
#define CALLS_MONITOR (BIT(INJECT_NEVER) | BIT(INJECT_BUSY) | BIT(INJECT_DOUBLE_FREE) | BIT(INJECT_QUOTA) | BIT(INJECT_LEAK))
// What nobody but a caller with a deadline ends, what starves others without a fault, and lies, which others believe.
#define NOT_BY_DEFAULT (BIT(INJECT_NEVER) | BIT(INJECT_BUSY) | BIT(INJECT_QUOTA) | BIT(INJECT_ARGUMENT) | BIT(INJECT_RESULT))

enum mode { MODE_CALL, MODE_TICK, MODE_AFTER };

static uint64_t due_ns[EVENT_MAX];    // AFTER, by component (each has an event); 0: no such request
static uint64_t with_tick;             // bit = this component's request may wait for a tick
static struct { uint64_t state, next_ns, kinds, components; uint32_t every_ms; } dice;

void __real_threads_tick(bool force);
void __wrap_threads_tick(bool force);
void __real_monitor_probe(void);
void __wrap_monitor_probe(void);

static bool word_read(uint32_t component, struct inject_word *word) {
    return !nucleus_memory_read(inject_table[component].word, word, sizeof *word);
}

static int word_write(uint32_t component, const struct inject_word *word) {
    return nucleus_memory_write(inject_table[component].word, word, sizeof *word);
}

static uint32_t hook_of(uint32_t component, uint32_t kind) {
    if (kind == INJECT_ARGUMENT || !inject_table[component].is_called) return INJECT_HOOK_CALL;
    return INJECT_HOOK_ENTRY;
}

// The canary in front of the monitor's data: the first row.
static uintptr_t monitor_canary(void) { return inject_canaries[0].address; }

// Fills in what the kind needs. False: there is no such thing.
static bool aim(uint32_t component, struct inject_word *word) {
    const struct inject_row *row = &inject_table[component];
    switch (word->kind) {
    case INJECT_READ:
    case INJECT_WRITE: word->argument = monitor_canary(); break;
    case INJECT_UNMAPPED: word->argument = word->argument ? word->argument : UNMAPPED_ADDRESS; break;
    case INJECT_WILD:
        if (word->argument >= component_count) return false;
        word->argument = inject_table[word->argument].canary;
        break;
    case INJECT_STACK_FOREIGN:
        if (!word->argument) word->argument = stack_top(DOMAIN_MONITOR, 0) - 64;
        break;
    case INJECT_SYSCALL: word->argument = inject_syscall_site; break;
    case INJECT_RESULT: return row->is_called;
    case INJECT_FRAMES: return word->argument % FRAMES_GO_ON <= FRAMES_LADDER && word->argument < 2 * FRAMES_GO_ON;
    case INJECT_INIT: word->inits = word->argument ? (uint32_t)word->argument : 1; break;
    case INJECT_DIE:
        word->argument = row->foreign_gate;
        word->value = row->foreign_pkru;
        return row->foreign_gate != 0;
    }
    return true;
}

int fault_inject(uint32_t component, uint32_t kind, uint32_t when, uint64_t argument) {
    uint32_t mode = when >> MODE_SHIFT, number = when & INJECT_NUMBER;
    if (component >= component_count || kind == INJECT_NONE || kind >= INJECT_KINDS || mode > MODE_AFTER ||
        (mode == MODE_TICK && BIT(kind) & NEEDS_CALL) || (inject_table[component].is_asked && BIT(kind) & CALLS_MONITOR))
        return -EINVAL;
    struct inject_word word = {.kind = kind, .left = number, .argument = argument};
    if (!aim(component, &word)) return -EINVAL;
    word.armed = mode == MODE_CALL ? hook_of(component, kind) : mode == MODE_TICK ? INJECT_HOOK_TICK : 0;
    due_ns[component] = 0;
    int error = word_write(component, &word);
    if (error) return error;
    with_tick = mode == MODE_CALL ? with_tick & ~BIT(component) : with_tick | BIT(component);
    if (mode == MODE_AFTER) due_ns[component] = time_now_ns() + number * NS_PER_MS;
    static const char *const modes[] = {"call", "tick", "after"};
    say("INJECT component=%s kind=%s when=%s number=%u argument=%llu\n", component_table[component].name, inject_kind_name(kind),
        modes[mode], number, (unsigned long long)argument);
    return 0;
}

static bool is_pending(uint32_t component) {
    struct inject_word word;
    return due_ns[component] || (word_read(component, &word) && word.armed & ~INJECT_HOOK_INIT);
}

int fault_inject_pending(void) {
    int pending = 0;
    for (uint32_t c = 0; c < component_count; c++) pending += is_pending(c);
    return pending;
}

// ---- the random mode

// splitmix64 (Steele, Lea and Flood, 2014)
static uint64_t draw(void) {
    uint64_t value = dice.state += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

// One of mask's bits among the first so many.
static uint32_t draw_bit(uint64_t mask) {
    uint32_t chosen = (uint32_t)(draw() % (uint32_t)__builtin_popcountll(mask));
    while (chosen--) mask &= mask - 1;
    return (uint32_t)__builtin_ctzll(mask);
}

int fault_inject_random(uint64_t seed, uint32_t every_ms, uint64_t kinds, uint64_t components) {
    uint64_t all_kinds = BIT(INJECT_KINDS) - 1 - BIT(INJECT_NONE), all_components = BIT(component_count) - 1;
    dice.kinds = kinds ? kinds & all_kinds : all_kinds & ~NOT_BY_DEFAULT;
    dice.components = components ? components & all_components : all_components;
    dice.every_ms = 0;
    if (!every_ms) return 0;
    if (!dice.kinds || !dice.components) return -EINVAL;
    dice.state = seed;
    dice.next_ns = time_now_ns() + every_ms * NS_PER_MS;
    dice.every_ms = every_ms;
    return 0;
}

// What is drawn does not depend on what happened before, so that a seed gives one sequence.
static void request_random(void) {
    uint32_t component = draw_bit(dice.components), kind = draw_bit(dice.kinds);
    uint64_t number = draw(), what = draw();
    uint32_t when = INJECT_CALL(1 + (uint32_t)(number % CALLS_MAX));
    if (number >> 63 && !(BIT(kind) & NEEDS_CALL)) when = INJECT_TICK;
    uint64_t argument = kind == INJECT_WILD ? what % component_count : kind == INJECT_INIT ? 1 + what % INITS_MAX
                      : kind == INJECT_ARGUMENT ? what % 8 : 0;
    (void)!fault_inject(component, kind, when, argument);
}

static void random_tick(uint64_t now_ns) {
    if (!dice.every_ms || now_ns < dice.next_ns) return;
    dice.next_ns = now_ns + dice.every_ms * NS_PER_MS;
    request_random();
}

// ---- what comes with time

static void component_tick(uint32_t component, uint64_t now_ns) {
    struct inject_word word;
    if (!word_read(component, &word)) return;
    if (due_ns[component] && now_ns >= due_ns[component]) {
        due_ns[component] = 0;
        word.left = 1;
        word.armed |= hook_of(component, word.kind) | (BIT(word.kind) & NEEDS_CALL ? 0 : INJECT_HOOK_TICK);
        (void)!word_write(component, &word);
    }
    if (!due_ns[component] && !(word.armed & INJECT_HOOK_TICK))
        with_tick &= ~BIT(component);
    else if (word.armed & INJECT_HOOK_TICK)
        (void)!nucleus_thread_divert(component_table[component].domain, inject_table[component].tick);
}

void __wrap_threads_tick(bool force) {
    uint64_t now_ns = time_now_ns();
    random_tick(now_ns);
    for (uint64_t left = with_tick; left; left &= left - 1) component_tick((uint32_t)__builtin_ctzll(left), now_ns);
    __real_threads_tick(force);
}

// ---- from the start: inject=fs:write:call:2,net:loop:after:100

static void request_text(char *text) {
    const char *words[INJECT_WORDS_MAX];
    uint32_t count = 0;
    int number;
    for (char *rest = text; rest && count < INJECT_WORDS_MAX; count++) {
        words[count] = rest;
        rest = strchr(rest, ':');
        if (rest) *rest++ = 0;
    }
    const char *wrong = inject_request(count, words, &number);
    if (wrong) say("PANIC monitor: inject=%s: %s\n", text, wrong), monitor_stop(64);
}

// After the inits, before the threads.
void __wrap_monitor_probe(void) {
    char value[256];
    for (char *rest = boot_argument("inject", value, sizeof value) ? value : NULL; rest;) {
        char *text = rest;
        rest = strchr(rest, ',');
        if (rest) *rest++ = 0;
        request_text(text);
    }
    __real_monitor_probe();
}

// ---- canaries

static bool is_damaged(const struct inject_canary *canary) {
    uint64_t words[INJECT_CANARY_WORDS];
    if (nucleus_memory_read(canary->address, words, sizeof words)) return true;
    for (uint32_t i = 0; i < INJECT_CANARY_WORDS; i++)
        if (words[i] != canary->value) return true;
    return false;
}

int canaries_check(void) {
    const char *last = NULL;           // rows of a domain stand together
    int domains = 0;
    for (uint32_t i = 0; i < inject_canary_count; i++) {
        const struct inject_canary *canary = &inject_canaries[i];
        if (!is_damaged(canary)) continue;
        say("CANARY domain=%s: somebody wrote %s\n", canary->domain, canary->where);
        if (canary->domain != last) domains++;
        last = canary->domain;
    }
    return domains;
}
