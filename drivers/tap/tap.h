// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tap.h - the network driver of platform host: a Linux TAP device with virtio_net_hdr, as DEVICE_NET0.
//
// What it offers is the interface in drivers/netdev/netdev.h.
#ifndef TAP_H
#define TAP_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor: gets the stock's descriptors. Returns 0, also when the platform has no such device
// (netdev_info() says so), or -ENOMEM when the shared heap is exhausted. Does not block.
GATE(tap) int tap_init(uint32_t generation, int persist_valid);

#endif
