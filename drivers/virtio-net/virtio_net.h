// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_net.h - the network driver of platform pc: a virtio network device, as DEVICE_NET0.
//
// What it offers is the interface in drivers/netdev/netdev.h.
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor: opens the device's window. Returns 0, also when the machine has no such device (netdev_info()
// says so), or
// -ENOMEM when the shared heap is exhausted. Does not block.
GATE(virtio_net) int virtio_net_init(uint32_t generation, int persist_valid);

#endif
