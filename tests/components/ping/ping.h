// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ping.h - the smallest proof that a platform works: calls between two domains, and a write that must not.
//
// Prints "ping: 1000 calls, 0 wrong". With the boot argument probe=1 it then writes into pong's memory, which is a fault
// of ping's domain; should it ever get past that write, it says "ping: ESCAPE".
#ifndef PING_H
#define PING_H

#include <stdint.h>
#include "gate.h"

GATE(ping) int ping_init(uint32_t generation, int persist_valid);

// Returns 0, or 1 when a call gave a wrong result or the forbidden write went through.
THREAD(ping, 10) int ping_main(void);

#endif
