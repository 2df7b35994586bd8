// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tap.c - the interface is in drivers/netdev/netdev.h.
//
// The device moves whole frames, each behind a 12-byte virtio_net_hdr. Every receive buffer is an object of its own, kept
// in a stock here until a frame arrives in it and then passed on. Sent frames stay in the caller's object: the header is
// written into the headroom, and the device reads both at once.
// Invariant: stock[0..stock_count) are objects of this domain that nobody else uses.
// What a hostile caller could try: ranges beyond its object, changing descriptors while they are read (they are copied
// once). What a hostile device could try: lengths beyond the buffer. It does not segment or merge frames.
#include <stdbool.h>
#include "device.h"
#include "netdev.h"
#include "private_copy.h"
#include "string.h"
#include "tap.h"
#include "xheap.h"

#define RX_OBJECT_BYTES 2048
#define STOCK_MAX (2 * NETDEV_BATCH_MAX)
#define ETHERNET_BYTES 14
#define MTU_BYTES 1500
#define FRAME_BYTES_MAX (ETHERNET_BYTES + MTU_BYTES)

struct virtio_net_header {     // virtio 1.2, 5.1.6: little endian
    uint8_t flags, gso_type;   // the values of enum netdev_flags and enum netdev_gso
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset, buffers;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "TUNSETVNETHDRSZ is 12");
_Static_assert(sizeof(struct virtio_net_header) <= NETDEV_HEADROOM, "the header is written into the headroom");

static void *stock[STOCK_MAX];
static uint32_t stock_count;
// In the shared heap, so that lending them to the monitor copies nothing. It checks what it finds there.
static struct device_buffer *buffers;
static int event;
static uint32_t expected;        // frames: as many as came last time

int tap_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    event = device_event(DEVICE_NET0);
    buffers = xheap_alloc(NETDEV_BATCH_MAX * sizeof(*buffers));
    return buffers == NULL ? -ENOMEM : 0;
}

int netdev_info(struct netdev_info *info) {
    if (event < 0)
        return -ENODEV;
    // Only a submission tells whether the platform has the device. One that moves a frame loses it, as networks may.
    void *probe = xheap_alloc(RX_OBJECT_BYTES);
    if (probe != NULL) {
        buffers[0] = (struct device_buffer){ .address = (uintptr_t)probe, .bytes = RX_OBJECT_BYTES };
        const int result = device_submit(DEVICE_NET0, DEVICE_READ, buffers, 1);
        (void)xheap_free(probe);
        if (result < 0)
            return -ENODEV;
    }
    *info = (struct netdev_info){
        .mac = { 0x02, 0, 0, 0, 0, 0x02 }, // locally administered
        .mtu = MTU_BYTES,
        .event = (uint32_t)event,
        .offloads = NETDEV_OFFLOAD_CSUM_RX | NETDEV_OFFLOAD_CSUM_TX,
    };
    return 0;
}

// Describes the frame that arrived in object. False when the device made no sense.
static bool describe(const void *object, int32_t moved_bytes, struct netdev_frame *frame) {
    struct virtio_net_header header;
    if (moved_bytes < (int32_t)sizeof(header) + ETHERNET_BYTES || moved_bytes > RX_OBJECT_BYTES)
        return false;
    private_copy(&header, object, sizeof(header));
    *frame = (struct netdev_frame){
        .offset = sizeof(header),
        .bytes = (uint32_t)moved_bytes - sizeof(header),
        .flags = header.flags & (NETDEV_NEEDS_CSUM | NETDEV_DATA_VALID),
        .csum_start = header.csum_start,
        .csum_offset = header.csum_offset,
    };
    return header.gso_type == NETDEV_GSO_NONE; // merged segments were not asked for
}

// Offers the device the last buffers of the stock, offered of them. Returns how many it filled, or a negative error.
static int read_frames(uint32_t offered) {
    // The last go first, so that taking them out moves nothing.
    for (uint32_t i = 0; i < offered; i++)
        buffers[i] = (struct device_buffer){ .address = (uintptr_t)stock[stock_count - 1 - i], .bytes = RX_OBJECT_BYTES };
    const int moved = device_submit(DEVICE_NET0, DEVICE_READ, buffers, offered);
    return moved > (int)offered ? (int)offered : moved;
}

// Passes the filled ones of the stock on. Returns how many frames there are now, with count before.
static int pass_frames(struct netdev_frame *frames, int count, uint32_t moved) {
    void *unused[NETDEV_BATCH_MAX];
    uint32_t unused_count = 0;
    for (uint32_t i = 0; i < moved; i++) {
        void *object = stock[--stock_count];
        struct device_buffer buffer;
        struct netdev_frame frame;
        private_copy(&buffer, &buffers[i], sizeof(buffer));
        int index = -1;
        if (describe(object, buffer.result, &frame))
            index = xheap_pass(object);
        if (index < 0) {
            unused[unused_count++] = object;
            continue;
        }
        frame.object = (uint32_t)index;
        frames[count++] = frame;
    }
    while (unused_count > 0)
        stock[stock_count++] = unused[--unused_count];
    return count;
}

// Every buffer that is offered costs its checks in the monitor and in the nucleus, whether a frame comes or not: so first
// some more than came last time, and twice as many each time that all were filled.
int netdev_receive(struct netdev_frame *frames, size_t max) {
    if (max < 1 || max > NETDEV_BATCH_MAX)
        return -EINVAL;
    while (stock_count < max) {
        void *object = xheap_alloc(RX_OBJECT_BYTES);
        if (object == NULL)
            break;
        stock[stock_count++] = object;
    }
    const uint32_t most = stock_count < max ? stock_count : (uint32_t)max;
    if (most == 0)
        return -ENOMEM;
    int count = 0;
    for (uint32_t done = 0, offered = 2 * expected + 2; done < most; offered *= 2) {
        if (offered > most - done)
            offered = most - done;
        const int moved = read_frames(offered);
        if (moved < 0 && done == 0)
            return moved;
        if (moved > 0)
            count = pass_frames(frames, count, (uint32_t)moved);
        if (moved < (int)offered)
            break;
        done += offered;
    }
    expected = (uint32_t)count;
    return count;
}

// Checks one frame to be sent, in a private copy, against the bytes that were lent.
static bool is_sendable(const struct netdev_frame *frame, size_t bytes) {
    if (frame->offset < NETDEV_HEADROOM || frame->offset > bytes || frame->bytes > bytes - frame->offset ||
        frame->bytes < ETHERNET_BYTES || frame->bytes > FRAME_BYTES_MAX || frame->gso_type != NETDEV_GSO_NONE)
        return false;
    return (frame->flags & NETDEV_NEEDS_CSUM) == 0 ||
           (uint32_t)frame->csum_start + frame->csum_offset + 2 <= frame->bytes;
}

int netdev_transmit(void *data, size_t bytes, const struct netdev_frame *frames, size_t count) {
    if (count < 1 || count > NETDEV_BATCH_MAX)
        return -EINVAL;
    struct netdev_frame frame[NETDEV_BATCH_MAX];
    private_copy(frame, frames, count * sizeof(*frame));
    for (size_t i = 0; i < count; i++)
        if (!is_sendable(&frame[i], bytes))
            return -EINVAL; // before anything is written
    for (size_t i = 0; i < count; i++) {
        struct virtio_net_header header = { .flags = frame[i].flags & NETDEV_NEEDS_CSUM };
        if (header.flags != 0) {
            header.csum_start = frame[i].csum_start;
            header.csum_offset = frame[i].csum_offset;
        }
        uint8_t *start = (uint8_t *)data + frame[i].offset - sizeof(header);
        memcpy(start, &header, sizeof(header));
        buffers[i] = (struct device_buffer){ .address = (uintptr_t)start,
                                             .bytes = (uint32_t)sizeof(header) + frame[i].bytes };
    }
    return device_submit(DEVICE_NET0, DEVICE_WRITE, buffers, count);
}
