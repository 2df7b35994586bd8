// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// sched.h - the scheduling policy: who is next.
//
// Interface: sched_pick, for the monitor alone. Reentrant, calls nobody, keeps no state.
// Invariant: an answer is only advice. The monitor checks it, and falls back to its own round robin when it names no
// runnable thread, so a lying scheduler costs time, never a corrupted thread.
// It does not switch threads, account CPU time or know why a thread waits.
#ifndef SCHED_H
#define SCHED_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor. Returns 0.
GATE(sched) int sched_init(uint32_t generation, int persist_valid);

// The thread that should run now, by public_area.threads: the highest priority among the runnable ones, among equals the
// one that ran least recently (smallest last_run), among these current, then the lowest index. current is the thread
// that asks (-1: none) and counts only if it is runnable. -EAGAIN when no thread is runnable. Does not block.
GATE(sched) int sched_pick(int current);

#endif
