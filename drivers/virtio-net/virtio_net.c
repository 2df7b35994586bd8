// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_net.c - the interface is in drivers/netdev/netdev.h.
//
// Receiving happens in this domain alone (receive.c). To send, the header goes into the headroom before each frame in
// the caller's object, and one submission hands all of them to ring 0, which copies them
// (core/nucleus/pc/virtio_net.c). What a hostile caller could try: ranges beyond its object, changing descriptors while
// they are read (they are copied once).
#include "device.h"
#include "invariant.h"
#include "private_copy.h"
#include "receive.h"
#include "string.h"
#include "virtio_net.h"
#include "virtio_ring.h"
#include "xheap.h"

#define ETHERNET_BYTES 14
#define MTU_BYTES 1500
#define FRAME_BYTES_MAX (ETHERNET_BYTES + MTU_BYTES)
_Static_assert(sizeof(struct virtio_net_header) <= NETDEV_HEADROOM, "the header is written into the headroom");

static const struct device_window *const window = (const void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_INFO);
// In the shared heap, so that lending them to the monitor copies nothing. It checks what it finds there.
static struct device_buffer *buffers;
static uint64_t features;         // 0: there is no device

// The device has room again. The monitor wants one buffer; nobody looks at it.
static int notify(void) {
    buffers[0] = (struct device_buffer){ .address = (uintptr_t)buffers, .bytes = sizeof(*buffers) };
    return device_submit(DEVICE_NET0, DEVICE_NOTIFY, buffers, 1);
}

int virtio_net_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    buffers = xheap_alloc(NETDEV_BATCH_MAX * sizeof(*buffers));
    if (buffers == NULL)
        return -ENOMEM;
    if (notify() < 0)
        return 0;                 // without a device there is no window
    features = window->features;
    receive_start(features);
    return notify() < 0 ? -ENODEV : 0;
}

static bool has(uint64_t wanted) { return (features & wanted) == wanted; }

int netdev_info(struct netdev_info *info) {
    if (features == 0)
        return -ENODEV;
    *info = (struct netdev_info){ .mtu = MTU_BYTES, .event = (uint32_t)device_event(DEVICE_NET0) };
    memcpy(info->mac, window->mac, sizeof(info->mac));
    info->offloads = (has(VIRTIO_NET_GUEST_CSUM) ? NETDEV_OFFLOAD_CSUM_RX : 0) |
                     (has(VIRTIO_NET_CSUM) ? NETDEV_OFFLOAD_CSUM_TX : 0) |
                     (has(VIRTIO_NET_CSUM | VIRTIO_NET_HOST_TSO4) ? NETDEV_OFFLOAD_GSO_TX : 0) |
                     (has(VIRTIO_NET_GUEST_TSO4) ? NETDEV_OFFLOAD_LRO_RX : 0);
    return 0;
}

int netdev_receive(struct netdev_frame *frames, size_t max) {
    if (max < 1 || max > NETDEV_BATCH_MAX)
        return -EINVAL;
    if (features == 0)
        return 0;
    bool wants_notify;
    const uint32_t count = receive_frames(frames, (uint32_t)max, &wants_notify);
    if (wants_notify)
        (void)!notify();
    return (int)count;
}

// Checks one frame to be sent, in a private copy, against the bytes that were lent.
static bool is_sendable(const struct netdev_frame *frame, size_t bytes) {
    if (frame->offset < NETDEV_HEADROOM || frame->offset > bytes || frame->bytes > bytes - frame->offset ||
        frame->bytes < ETHERNET_BYTES)
        return false;
    const bool has_sum = (frame->flags & NETDEV_NEEDS_CSUM) != 0;
    if (has_sum && (!has(VIRTIO_NET_CSUM) || (uint32_t)frame->csum_start + frame->csum_offset + 2 > frame->bytes))
        return false;
    if (frame->gso_type == NETDEV_GSO_NONE)
        return frame->bytes <= FRAME_BYTES_MAX;
    return frame->gso_type == NETDEV_GSO_TCPV4 && has(VIRTIO_NET_HOST_TSO4) && has_sum && frame->gso_bytes > 0 &&
           frame->header_bytes + (uint32_t)frame->gso_bytes <= FRAME_BYTES_MAX && frame->header_bytes <= frame->bytes;
}

static void header_write(void *to, const struct netdev_frame *frame) {
    struct virtio_net_header header = { .flags = frame->flags & NETDEV_NEEDS_CSUM };
    if (header.flags != 0) {
        header.csum_start = frame->csum_start;
        header.csum_offset = frame->csum_offset;
    }
    if (frame->gso_type != NETDEV_GSO_NONE) {
        header.gso_type = frame->gso_type;
        header.header_bytes = frame->header_bytes;
        header.gso_bytes = frame->gso_bytes;
    }
    memcpy(to, &header, sizeof(header));
}

int netdev_transmit(void *data, size_t bytes, const struct netdev_frame *frames, size_t count) {
    if (count < 1 || count > NETDEV_BATCH_MAX)
        return -EINVAL;
    struct netdev_frame frame[NETDEV_BATCH_MAX];
    private_copy(frame, frames, count * sizeof(*frame));
    for (size_t i = 0; i < count; i++)
        if (!is_sendable(&frame[i], bytes))
            return -EINVAL;       // before anything is written
    for (size_t i = 0; i < count; i++) {
        char *start = (char *)data + frame[i].offset - sizeof(struct virtio_net_header);
        header_write(start, &frame[i]);
        buffers[i] = (struct device_buffer){
            .address = (uintptr_t)start, .bytes = (uint32_t)sizeof(struct virtio_net_header) + frame[i].bytes };
    }
    const int done = device_submit(DEVICE_NET0, DEVICE_WRITE, buffers, count);
    invariant(done != -EIO);      // it has given up, and is reset when this domain starts again
    return done;
}
