// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// netdev.h - the interface that every network driver provides (tap on host; virtio-net on pc).
//
// Calls go only downward: the network stack pulls frames; the driver signals its device's event and never calls up.
// Frames lie in shared-heap objects. Offload metadata is virtio_net_hdr's, which TAP, AF_PACKET and virtio all speak.
//
//   CSUM   a frame with NETDEV_NEEDS_CSUM carries, at csum_start + csum_offset, the pseudo header's sum only: whoever puts
//          it on a wire completes it. NETDEV_DATA_VALID: the device has checked it.
//   GSO    a sent frame with gso_type is larger than the MTU; the device cuts its payload into segments of gso_bytes,
//          each behind a copy of the first header_bytes with its own lengths, numbers and checksums. NEEDS_CSUM as well.
//   LRO    the reverse: a received frame with gso_type is made of several segments, of up to gso_bytes each.
//
// A frame without gso_type is at most 14 + mtu bytes long. A driver that does not offer an offload must neither be
// asked for it nor use it; the receiver of any of these fields checks them against the frame's length.
#ifndef NETDEV_H
#define NETDEV_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

#define NETDEV_BATCH_MAX 32

enum netdev_flags { NETDEV_NEEDS_CSUM = 1, NETDEV_DATA_VALID = 2 }; // checksum to be filled in from csum_start / is known good
enum netdev_gso { NETDEV_GSO_NONE = 0, NETDEV_GSO_TCPV4 = 1 };

struct netdev_frame {
    uint32_t object;       // receive: index for xheap_take()
    uint32_t offset, bytes; // receive: where the Ethernet frame lies in the object; transmit: where in data
    uint8_t flags, gso_type;
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset; // as in virtio_net_hdr
    uint16_t pad;
};

struct netdev_info {
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t event;        // event that is signalled when frames may be waiting
    uint32_t offloads;     // enum netdev_offload
};
enum netdev_offload { NETDEV_OFFLOAD_CSUM_RX = 1, NETDEV_OFFLOAD_CSUM_TX = 2, NETDEV_OFFLOAD_GSO_TX = 4, NETDEV_OFFLOAD_LRO_RX = 8 };

// What the device is and can do. Returns 0, or -ENODEV when the platform has no such device (net then has no link).
GATE(netdev) int netdev_info(lend_out(sizeof(struct netdev_info)) struct netdev_info *info);

// Takes up to max (1..NETDEV_BATCH_MAX) received frames; their objects become the caller's, who frees them.
// Returns how many, 0 when none is waiting, -EINVAL for max out of range, -ENOMEM when no buffer could be had. Fewer
// than max: none is left, or the event changes once more; a caller that waits for the event need not ask again before.
GATE_GIVES(netdev) int netdev_receive(lend_out(max * sizeof(struct netdev_frame)) struct netdev_frame *frames, size_t max);

// Sends count (1..NETDEV_BATCH_MAX) frames that lie in data, bytes long; each is preceded by NETDEV_HEADROOM free bytes
// in data, which the driver overwrites. data is the caller's again on return. Returns how many frames were taken
// (fewer: the device is full, try again later), -EINVAL for a frame outside data or metadata that contradicts it.
#define NETDEV_HEADROOM 16
GATE(netdev) int netdev_transmit(lend_inout(bytes) void *data, size_t bytes,
                                 lend_in(count * sizeof(struct netdev_frame)) const struct netdev_frame *frames, size_t count);

#endif
