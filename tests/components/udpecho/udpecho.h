// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// udpecho.h - a UDP server for tests: sends every datagram back to where it came from, from port 7.
//
// Two datagrams are requests instead, answered with a line of numbers: "errors" has it send what cannot be sent, and
// the answer has the result of each; "again" has it bind the port once more and try the old handle: that result,
// whether the new handle differs. Prints "udpecho: ready".
#ifndef UDPECHO_H
#define UDPECHO_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

GATE(udpecho) int udpecho_init(uint32_t generation, int persist_valid);

// Does not return, but for an error of net.
THREAD(udpecho, 10) int udpecho_run(void);

#endif
