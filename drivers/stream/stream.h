// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stream.h - a network driver over a stream socket, as DEVICE_NET0: passt's and QEMU's protocol.
//
// What it offers is the interface in drivers/netdev/netdev.h.
#ifndef STREAM_H
#define STREAM_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Returns 0, or -ENOMEM.
GATE(stream) int stream_init(uint32_t generation, int persist_valid);

#endif
