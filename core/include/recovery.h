// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// recovery.h - what a component may know of faults, and how it protects itself against a callee that does not return.
//
//   call_deadline   until when the call that follows must have returned
//   faults_read     the last records of what went wrong, who was ended and how it came back
//
// A record names places and domains; registers and memory of another domain are never in one. Who died comes back by
// the same init as at boot; what it lost is in its README. docs/recovery.md has the whole.
#ifndef CORE_RECOVERY_H
#define CORE_RECOVERY_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

#define FAULTS_KEPT 32
#define FAULT_NAME_BYTES 32
#define FAULT_PLACE_BYTES 160

enum fault_outcome {
    FAULT_STOPS,       // the system stops: this build has no recovery
    FAULT_WAITS,       // ended; its restart is due, at once or after the back-off
    FAULT_RESTARTED,   // it serves again
    FAULT_DOWN,        // it stays down: too many faults in a row
    FAULT_CALL_ENDED,  // at a gate's check, culprit unknown: the call was ended, nobody is blamed
};

struct fault_row {
    uint64_t number;       // 1: the first since the start
    uint64_t at_ns;        // on the clock of time_now_ns()
    uint64_t address;      // 0 where the kind has none
    uint64_t ready_ns;     // from the fault until it served again, or was ready to; 0: not yet
    // Parts of it: until the domain was named; threads and gates; until the restart began; shared heap; devices, data and
    // tokens; its inits.
    uint64_t detect_ns, unwind_ns, wait_ns, reclaim_ns, reset_ns, init_ns;
    uint32_t generation;   // the one that ended
    uint32_t restart;      // how many in a row before it served a call
    uint32_t thread, key;  // key: of the address
    uint32_t outcome;      // enum fault_outcome
    uint32_t pad;
    char kind[FAULT_NAME_BYTES], domain[FAULT_NAME_BYTES], component[FAULT_NAME_BYTES];
    char owner[FAULT_NAME_BYTES], object[FAULT_NAME_BYTES];   // of the address
    char gate[FAULT_NAME_BYTES], caller[FAULT_NAME_BYTES];    // by which it was entered, and whose call that was
    char at[FAULT_PLACE_BYTES], from[FAULT_PLACE_BYTES];      // "function+0x4c file:line"; from: the call
    char action[FAULT_PLACE_BYTES];
};

// The records with number first and above, at most max (1..FAULTS_KEPT) and the oldest first: older ones than the last
// FAULTS_KEPT are gone, so ask with first = 0 for all there are. Returns how many were filled; -EINVAL for max out of
// range. Does not block.
GATE(monitor) int faults_read(uint64_t first, lend_out(max * sizeof(struct fault_row)) struct fault_row *out, size_t max);

// From now on, whatever the calling domain calls on this thread must have returned by deadline_ns (of time_now_ns());
// DEADLINE_NEVER (thread.h) takes that back, and 0 is refused. A callee that holds the thread beyond is ended as if it
// had faulted (kind "deadline"), and its caller gets -EDOMAINDEAD. Time that it spends waiting counts. Only calls to
// other domains are meant: not those to the monitor, nor within the domain. Noticed by the next tick. Returns 0;
// -EINVAL for 0, or less than DEADLINE_LEAST_NS ahead, since else a caller could end anybody by asking. Without
// CONFIG_RECOVERY it only returns 0. Does not block.
// Source of the idea: the caller's deadlines of Erlang's gen_server:call, and of QNX's TimerTimeout().
#define DEADLINE_LEAST_NS 10000000
GATE(monitor) int call_deadline(uint64_t deadline_ns);

#endif
