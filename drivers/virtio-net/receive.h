// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// receive.h - the receive queue, which lies in the device's window; and the header before each frame.
#ifndef VIRTIO_NET_RECEIVE_H
#define VIRTIO_NET_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "netdev.h"

struct virtio_net_header {        // 5.1.6: little endian
    uint8_t flags, gso_type;      // the values of enum netdev_flags and enum netdev_gso
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset;
    uint16_t buffers;             // received: over how many buffers the frame is spread
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "with VIRTIO_F_VERSION_1");

void receive_start(uint64_t features);           // hands all buffers to the device
// Frames that are there, up to max, each in an object of its own that was passed (xheap_pass()). Buffers go back to the
// device.
// *wants_notify: the device went to sleep for want of buffers and must be told.
uint32_t receive_frames(struct netdev_frame *frames, uint32_t max, bool *wants_notify);

#endif
