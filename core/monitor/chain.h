// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// chain.h - which calls a thread is in, from its first to its innermost, and which of them have died.
//
// A chain is read from the frames that callers published (core/gates/frame_asm.h): each domain's own list, oldest first,
// tells whom it called; so nothing that a callee wrote decides where its caller goes on. Where a list makes no sense,
// the chain is broken, and the whole thread is ended.
//
//   M --> kv --> fs --> M        kv's list: [kv->fs]   fs's list: [fs->M]   fs dies:
//                `-- dead: the call kv->fs is ended as soon as nothing runs above it
//
// An ended call waits in the thread's list of ended calls until whatever it had called has returned; its frame in the
// caller is where the thread goes on.
#ifndef MONITOR_CHAIN_H
#define MONITOR_CHAIN_H

#include "monitor.h"

#define CHAIN_MAX 64
#define NO_EDGE UINT16_MAX

// One activation of a domain on a thread.
struct step {
    uint8_t domain, caller;
    bool is_dead;              // of a generation that ended
    uint16_t edge;             // by which it was entered; NO_EDGE: the monitor, by an upcall
    uint64_t frame;            // the caller's, suspended in that call
};

struct chain {
    uint32_t count;
    bool is_broken;
    uint64_t domains;          // bit = has a frame, or is entered
    struct step step[CHAIN_MAX];
};

// The monitor's own upcalls above all else leave the chain.
static inline void chain_strip_upcalls(struct chain *chain) {
    while (chain->count && chain->step[chain->count - 1].edge == NO_EDGE) chain->count--;
}

// executing: the domain that a fault or tick stopped on the thread, where that is known; else 0.
void chain_read(uint32_t thread, uint32_t executing, struct chain *chain);

// Marks domain's activations on the thread as dead, so that the calls into them end. Returns what its chain was, for the
// caller to see who else was there; broken: the thread as a whole is ended at its root, and every domain in ->domains
// must be ended, too.
const struct chain *chain_end(uint32_t thread, uint32_t executing, uint32_t domain);

// Is the innermost thing on the thread a dead activation, with nothing above it?
bool chain_is_ended(uint32_t thread);
// The innermost ended call, with all that directly called it and is dead as well, is over: where the thread goes on.
struct step chain_take(uint32_t thread);
bool chain_has_dead(uint32_t thread);
// Does a call by edge wait to be ended, on any thread? When it is, its frame is looked at once more, with its old token.
bool chain_is_edge_ended(uint32_t edge);
// At a gate's failed check: has the callee of the innermost dead activation returned to it? Then it is the innermost now.
// edge: by which it had been called.
bool chain_returned(uint32_t thread, const struct edge **edge);

#endif
