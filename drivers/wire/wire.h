// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// wire.h - a network driver without a device: behind it sits a load generator for the Redis-like server.
//
// What it offers is the interface in drivers/netdev/netdev.h. What it prints when all replies have come:
//   WIRE requests=<n> cycles=<n> own=<n> wrong=<n>
// requests that were measured; TSC cycles from the first to the last of them, for everything that ran; how many of these
// were the generator's own; replies that were not as expected. With exit=thread the system ends then.
// Boot arguments: wire_connections (1..1000, default 30), wire_pipeline (1..16, 1), wire_requests (1000000),
// wire_command (GET or SET).
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Returns 0; -EINVAL for a boot argument out of range; -ENOMEM.
GATE(wire) int wire_init(uint32_t generation, int persist_valid);

// Waits for the end of the load and prints the line. Returns 0; 1 when a reply was wrong or none came for five seconds.
// Its priority is below the server's, so that it does not run while there is work.
THREAD(wire, 6) int wire_report(void);

#endif
