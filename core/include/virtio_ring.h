// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_ring.h - a split virtqueue of fixed size, and the window through which a driver sees its device (platform pc).
//
// A driver's window lies at DEVICE_WINDOWS_BASE + id * DEVICE_WINDOW_BYTES, a page for each part, under the key of the
// driver's domain. The driver writes only the available ring; all else is read-only for it, so it cannot name any
// memory to the device but the window's own buffers (attack A28):
//
//   page  0  struct device_window       what was negotiated
//   page  1  descriptor table           entry i names buffer i, for ever: frozen
//   page  2  used ring                  the device's
//   page  3  available ring             the driver's
//   page  4  buffer 0 ...               received bytes; the device writes, the driver copies them out
//
// The window of a source of entropy (on both platforms) is one page, a struct virtio_entropy, and read-only as a whole:
// each DEVICE_NOTIFY offers the one buffer in it to the device. docs/virtio.md says why. The structures are those of
// the Virtual I/O Device specification 1.2, 2.7; all little endian.
#ifndef CORE_VIRTIO_RING_H
#define CORE_VIRTIO_RING_H

#include <stdint.h>
#include "address_map_asm.h"

#define VIRTIO_QUEUE_ENTRIES 256       // what QEMU and Firecracker offer; the table fills one page
#define VIRTIO_NEXT 1                  // descriptor flags
#define VIRTIO_WRITE 2
#define VIRTIO_NO_INTERRUPT 1          // available ring's flag, without event index
#define VIRTIO_NO_NOTIFY 1             // used ring's flag, without event index

struct virtio_descriptor { uint64_t address; uint32_t bytes; uint16_t flags, next; };
struct virtio_available { uint16_t flags, index, ring[VIRTIO_QUEUE_ENTRIES], used_event; };
struct virtio_used_entry { uint32_t id, bytes; };
struct virtio_used {
    uint16_t flags, index;
    struct virtio_used_entry ring[VIRTIO_QUEUE_ENTRIES];
    uint16_t available_event;
};
_Static_assert(sizeof(struct virtio_descriptor) * VIRTIO_QUEUE_ENTRIES == PAGE_BYTES, "one page");

enum window_page { WINDOW_INFO, WINDOW_TABLE, WINDOW_USED, WINDOW_AVAILABLE, WINDOW_BUFFERS };
#define WINDOW_PAGES (WINDOW_BUFFERS + VIRTIO_QUEUE_ENTRIES)
_Static_assert(WINDOW_PAGES * PAGE_BYTES <= DEVICE_WINDOW_BYTES, "address_map_asm.h");

// Feature bits of the network device (5.1.3) and of the ring.
#define VIRTIO_NET_CSUM (1ull << 0)
#define VIRTIO_NET_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_MAC (1ull << 5)
#define VIRTIO_NET_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_MERGE (1ull << 15)
#define VIRTIO_EVENT_INDEX (1ull << 29)
#define VIRTIO_VERSION_1 (1ull << 32)

struct device_window {
    uint64_t features;        // virtio feature bits that are in force
    uint8_t mac[6];
};

#define VIRTIO_ENTROPY_ENTRIES 8       // what QEMU offers
#define VIRTIO_ENTROPY_WORDS 4         // of one answer
struct virtio_entropy {                // alignments: 2.7
    struct virtio_descriptor table[VIRTIO_ENTROPY_ENTRIES];     // the first: words, for ever
    struct { uint16_t flags, index, ring[VIRTIO_ENTROPY_ENTRIES]; } available;
    uint32_t pad;
    struct { uint16_t flags, index; struct virtio_used_entry ring[VIRTIO_ENTROPY_ENTRIES]; } used; // the device's
    uint64_t words[VIRTIO_ENTROPY_WORDS]; // the device's: the last answer
};
_Static_assert(sizeof(struct virtio_entropy) <= PAGE_BYTES && __builtin_offsetof(struct virtio_entropy, used) % 4 == 0,
               "one page, aligned");

#define WINDOW_ADDRESS(device, page) \
    (DEVICE_WINDOWS_BASE + (uintptr_t)(device) * DEVICE_WINDOW_BYTES + (uintptr_t)(page) * PAGE_BYTES)

// Did index pass the event in going from before to after? (the specification's vring_need_event)
static inline int virtio_is_passed(uint16_t event, uint16_t before, uint16_t after) {
    return (uint16_t)(after - event - 1) < (uint16_t)(after - before);
}

#endif
