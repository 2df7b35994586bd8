// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// kv.h - a Redis-like server: the application that the benchmarks measure.
//
// Interface: none but its thread. Speaks RESP2 on TCP port 6379 (boot argument port=).
// Its data lives in its private heap: whatever empties that (a restart of this domain) leaves what the last SAVE, or the
// append-only log (boot arguments appendonly=, appendfsync=), wrote through fs. It does not replicate, authenticate or cluster.
#ifndef KV_H
#define KV_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor. Returns 0, or -ENOMEM when the shared or the private heap cannot hold the server's buffers.
GATE(kv) int kv_init(uint32_t generation, int persist_valid);

// The server: loads the log or the snapshot, then serves until SHUTDOWN, which ends the system. Returns only a negative error:
// -EINVAL for a port that cannot be listened on.
THREAD(kv, 10) int kv_main(void);

#endif
