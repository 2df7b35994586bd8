// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// device.h - how a driver component reaches its device, on every platform.
//
// The monitor passes a submission on to the nucleus only for the domain to which the build assigned the device; the
// nucleus reads and writes the buffers through its own alias, so a driver can never aim a device outside the heap.
// Platform pc finds its virtio devices by itself: docs/pc.md says how a driver gets at their registers.
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

enum device_id { DEVICE_CONSOLE, DEVICE_NET0, DEVICE_ENTROPY, DEVICE_COUNT };
enum device_operation { DEVICE_READ, DEVICE_WRITE, DEVICE_NOTIFY };
#define DEVICE_BATCH_MAX 64

struct device_buffer {
    uint64_t address;         // in the shared heap, inside one live object that the caller owns or has been lent
    uint32_t bytes;           // room (read) or length (write)
    int32_t result;           // out: bytes moved, or a negative error
};

// Moves count (1..DEVICE_BATCH_MAX) buffers, one frame or one piece of text each, in order. Does not block.
// Returns how many buffers were moved (their results are set); 0 when the device is not ready (then wait for
// device_event()); -EPERM when the device is not the caller's; -EINVAL for a count, operation or buffer outside the
// range above; -ENODEV when this platform has no such device; -EIO when it has given up (the network on pc: it met what
// it could not make sense of), and takes nothing before a restart of its driver resets it. The console may serve fewer
// buffers than have text waiting. A read of the console whose result is 0 or negative is the end of its input: reported
// once, and from then on reading is -ENODEV. A device with a window (virtio_ring.h: the source of entropy; on pc the
// network too) is not read: what it received lies there. DEVICE_NOTIFY tells it that there is room again; the one
// buffer that must come with it is not looked at. Returns 0; -EINVAL for a device without a window. To the source of
// entropy it says: another answer, please; 0 also while one is outstanding.
GATE(monitor) int device_submit(uint32_t device, uint32_t operation,
                                lend_inout(count * sizeof(struct device_buffer)) struct device_buffer *buffers,
                                size_t count);

// The event that is signalled when the device becomes ready to read; -EINVAL for no such device.
GATE(monitor) int device_event(uint32_t device);

#endif
