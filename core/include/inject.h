// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject.h - faults on request (CONFIG_FAULT_INJECTION): any component made to go wrong, in any of these ways, when one wants.
//
// Interface:
//   fault_inject, fault_inject_pending, fault_inject_random    requests, and the mode that keeps making them
//   canaries_check                                             has anybody written where nobody may?
//   inject_request, inject_kind_name (lib)                     the same in words, for the shell and for kv
//   inject=fs:write:call:2,net:loop:after:100                  the boot argument: the same words
//   struct inject_word, inject_* (lib)                         what generated wrappers call; not for people
//
// Without the option none of this exists: no function here has a body in the image, and no wrapper asks (docs/faults-on-request.md).
// With it, and nothing requested, each call of a component's function, and each call that a component makes, costs a load
// and a branch. The request lies in the victim's own persistent memory, written by the monitor: so it outlives a restart
// for another reason, and, cleared by the victim before it goes wrong, never happens twice.
// It is a hole that somebody asked for: never in an image that matters.
#ifndef CORE_INJECT_H
#define CORE_INJECT_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

// What goes wrong; argument: what fault_inject() is told. Names: lib/inject_kinds.c, in the same order.
enum inject_kind {
    INJECT_NONE,
    INJECT_READ,             // reads the monitor's memory, which has another key
    INJECT_WRITE,            // writes there: into a canary, so that without keys somebody can tell
    INJECT_UNMAPPED,         // writes where nothing is mapped; argument: an address (0: one near the null page)
    INJECT_STACK,            // recursion without an end: the guard page
    INJECT_ILLEGAL,          // #UD
    INJECT_PRIVILEGED,       // #GP: an instruction of ring 0
    INJECT_NONCANONICAL,     // #GP: an address that cannot be
    INJECT_DIVIDE,           // #DE
    INJECT_ALIGNMENT,        // sets AC and loads from an odd address: where alignment is checked, that is mended and it goes on
    INJECT_BREAKPOINT,       // #BP
    INJECT_STEP,             // #DB: sets the trap flag
    INJECT_DATA,             // jumps to its own data
    INJECT_ZERO,             // jumps to 0
    INJECT_STACK_ZERO,       // the stack pointer becomes 0, then a push
    INJECT_STACK_WILD,       // the same, not canonical
    INJECT_STACK_FOREIGN,    // the same, the monitor's stack; argument: another address
    INJECT_LOOP,             // an endless loop
    INJECT_NEVER,            // never returns: sleeps for ever
    INJECT_BUSY,             // never returns: calls the monitor for ever
    INJECT_DOUBLE_FREE,      // frees an object of the shared heap twice
    INJECT_QUOTA,            // allocates from the shared heap until refused, and forgets it all
    INJECT_WILD,             // writes into the data of the component that argument names (row of system_components)
    INJECT_ARGUMENT,         // one argument of its next outgoing call is mangled; argument: which one (modulo their number)
    INJECT_RESULT,           // the result of its next function is mangled
    INJECT_LEAK,             // allocates objects of 1 KiB from the shared heap and forgets them; argument: how many (0: 16)
    INJECT_SLOW,             // busy; argument: microseconds (0: 1000)
    INJECT_INIT,             // an illegal instruction, and the next inits fault as well; argument: how many (0: 1)
    INJECT_SYSCALL,          // jumps to the nucleus's system-call instruction
    INJECT_DIE,              // jumps to the WRPKRU of a gate between others, without its token
    INJECT_FRAMES,           // ruins its own list of frames, which the monitor reads; argument: enum inject_frames, then #UD
    INJECT_KINDS
};

// What its anchor says afterwards. Plus FRAMES_GO_ON: no #UD, so that it is found ruined when somebody else faults.
enum inject_frames { FRAMES_ZERO, FRAMES_ITSELF, FRAMES_MONITOR, FRAMES_NUCLEUS, FRAMES_NONCANONICAL, FRAMES_ODD, FRAMES_LADDER };
#define FRAMES_GO_ON 8

// When. CALL n: when the n-th (1..) call of one of its functions starts; a component that nobody calls, like kv: when the
// n-th call returns that it made of another component or the monitor. TICK: wherever a timer tick finds its domain at
// work. AFTER ms: whichever of the two comes first, once so many milliseconds have passed.
#define INJECT_CALL(n) (n)
#define INJECT_TICK (1u << 30)
#define INJECT_AFTER(ms) (2u << 30 | (ms))
#define INJECT_NUMBER 0x3fffffffu // the mask of n and ms

// Has component (row of system_components) go wrong. Replaces what was requested of it before and has not happened yet.
// Returns 0; -EINVAL for a component, kind, when or argument that there is none of, for a kind that needs a call (ARGUMENT,
// RESULT, DOUBLE_FREE, QUOTA, LEAK) with TICK, for a kind that calls the monitor (NEVER, BUSY, DOUBLE_FREE, QUOTA, LEAK) of
// the scheduler, whom the monitor itself is asking, for DIE where there are no gates. Writes one line on the console. Does
// not block.
GATE(monitor) int fault_inject(uint32_t component, uint32_t kind, uint32_t when, uint64_t argument);

// How many requests have not happened yet. Does not block.
GATE(monitor) int fault_inject_pending(void);

// Makes requests by itself: every every_ms ms a component, kind and when are drawn. seed: the same one draws the same
// sequence, whatever becomes of it. kinds, components: bit = it may be drawn (kinds 0: all but NEVER and BUSY, which only a
// caller with a deadline ends, QUOTA, which nobody ends, ARGUMENT and RESULT, which somebody may believe; components 0: all).
// every_ms 0: no more. Returns 0; -EINVAL when nothing could be drawn. Does not block.
GATE(monitor) int fault_inject_random(uint64_t seed, uint32_t every_ms, uint64_t kinds, uint64_t components);

// Looks at the canaries: words before and behind each domain's data, between its components, and at the end of its private
// heap. Returns how many domains have a damaged one, and names each on the console. Does not block.
GATE(monitor) int canaries_check(void);

// ---- the monitor's to ask of the nucleus

// Writes bytes of in to domain memory at address, for requests. Returns 0, or -EINVAL as nucleus_memory_read().
GATE(nucleus) int nucleus_memory_write(uintptr_t address, const void *in, size_t bytes);
// In UPCALL_TICK: the interrupted thread will call entry where it was, and go on when that returns. Returns 0; -EAGAIN when
// it was not at work in domain's own text, or has no stack there.
GATE(nucleus) int nucleus_thread_divert(uint32_t domain, uintptr_t entry);

// ---- in words (lib)

// "write", for kind 1..INJECT_KINDS-1; "?" otherwise.
const char *inject_kind_name(uint32_t kind);
// Does what words say, one of
//   component kind [call n | tick | after ms] [argument: a number or a component's name]
//   random seed every-ms [kinds [components]]      masks, or one name each
//   pending, canaries
// Returns NULL, or what is wrong in a sentence that is valid until the next call. *number: the answer of the last two, -1
// for the others.
#define INJECT_WORDS_MAX 6
const char *inject_request(uint32_t count, const char *const *words, int *number);

// ---- in the victim (lib/inject.c); one word per component of the domain, in the build's order

#define INJECT_HOOK_ENTRY 1u   // armed: the hook that is asked
#define INJECT_HOOK_INIT 2u
#define INJECT_HOOK_CALL 4u
#define INJECT_HOOK_TICK 8u
struct inject_word {
    uint32_t armed;            // INJECT_HOOK_*
    uint32_t kind;
    uint32_t left;             // hooks to come before it happens, itself included
    uint32_t inits;            // that are going to fault
    uint64_t argument;         // of the kind, an address where it needs one
    uint64_t value;            // DIE: what EAX has to be
};
extern struct inject_word domain_injects[];
extern const uint32_t domain_inject_count;

// By generated wrappers, when armed has their bit. entry: before a function; returns what its result is changed by (XOR).
// call, returned: round an outgoing one, whose arguments lie in values.
int64_t inject_entry(uint32_t index);
void inject_init(uint32_t index);
void inject_call(uint32_t index, uint64_t *values, uint32_t count);
void inject_returned(uint32_t index);

// ---- what the build says of a component (tables of the monitor)

struct inject_row {
    uintptr_t word;            // its struct inject_word
    uintptr_t tick;            // where nucleus_thread_divert() sends its domain
    uintptr_t canary;          // between its data and its neighbours'
    uintptr_t foreign_gate;    // a WRPKRU of a gate between two other domains; 0: there is none
    uint32_t foreign_pkru;     // that it loads
    uint16_t is_called;        // somebody calls its functions
    uint16_t is_asked;         // the monitor does, and waits for the answer: sched
};
struct inject_canary { const char *domain, *where; uintptr_t address; uint64_t value; };
#define INJECT_CANARY_WORDS 8
extern const struct inject_row inject_table[];       // index: component
extern const struct inject_canary inject_canaries[];
extern const uint32_t inject_canary_count;
extern const uintptr_t inject_syscall_site;

#endif
