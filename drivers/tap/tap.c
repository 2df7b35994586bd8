// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tap.c - the interface is in drivers/netdev/netdev.h.
//
// The device moves whole frames, each behind a 12-byte virtio_net_hdr, and merges the segments of a bulk transfer into
// frames of up to 64 KiB. How large the next one is nobody knows, so each is read into a scratch object that has room
// for any:
//
//   small frame:  scratch --copy--> an object just large enough, which is passed on; the scratch object is used again
//   large frame:  the scratch object itself is passed on, and the next one takes its place
//
// Sent frames stay in the caller's object: the header is written into the headroom, and the device reads both at once.
// Invariant: scratch[0..scratch_count) are objects of this domain that nobody else uses; the first `kept` of them hold
// frames that were read, but not yet passed on. What a hostile caller could try: ranges beyond its object, changing
// descriptors while they are read (they are copied once). What a hostile device could try: lengths beyond the buffer.
#include <stdbool.h>
#include "copy.h"
#include "device.h"
#include "netdev.h"
#include "private_copy.h"
#include "string.h"
#include "tap.h"
#include "xheap.h"

#define SCRATCH_BYTES XHEAP_OBJECT_MAX
// Up to here a copy costs less than the memory that the frame would hold: an object may not stay mostly empty, since
// whoever waits for the application's attention is charged for all of it.
#define COPY_BYTES_MAX 16384
#define ETHERNET_BYTES 14
#define MTU_BYTES 1500
#define FRAME_BYTES_MAX (ETHERNET_BYTES + MTU_BYTES)

struct virtio_net_header {     // virtio 1.2, 5.1.6: little endian
    uint8_t flags, gso_type;   // the values of enum netdev_flags and enum netdev_gso
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset, buffers;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "TUNSETVNETHDRSZ is 12");
_Static_assert(sizeof(struct virtio_net_header) <= NETDEV_HEADROOM, "the header is written into the headroom");

static void *scratch[NETDEV_BATCH_MAX];
static uint32_t scratch_count, kept;
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

// Describes the frame that arrived in object, behind its header. False when the device made no sense.
static bool describe(const void *object, int32_t moved_bytes, struct netdev_frame *frame) {
    struct virtio_net_header header;
    if (moved_bytes < (int32_t)sizeof(header) + ETHERNET_BYTES || moved_bytes > SCRATCH_BYTES)
        return false;
    private_copy(&header, object, sizeof(header));
    *frame = (struct netdev_frame){
        .offset = sizeof(header),
        .bytes = (uint32_t)moved_bytes - sizeof(header),
        .flags = header.flags & (NETDEV_NEEDS_CSUM | NETDEV_DATA_VALID),
        .gso_type = header.gso_type,
        .header_bytes = header.header_bytes,
        .gso_bytes = header.gso_bytes,
        .csum_start = header.csum_start,
        .csum_offset = header.csum_offset,
    };
    return header.gso_type == NETDEV_GSO_NONE || header.gso_type == NETDEV_GSO_TCPV4; // nothing else was asked for
}

// Offers the device up to offered scratch objects. Returns how many it filled, or a negative error.
static int read_frames(uint32_t offered) {
    while (scratch_count < offered) {
        void *object = xheap_alloc(SCRATCH_BYTES);
        if (object == NULL)
            break;
        scratch[scratch_count++] = object;
    }
    if (offered > scratch_count)
        offered = scratch_count;
    if (offered == 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < offered; i++)
        buffers[i] = (struct device_buffer){ .address = (uintptr_t)scratch[i], .bytes = SCRATCH_BYTES };
    const int moved = device_submit(DEVICE_NET0, DEVICE_READ, buffers, offered);
    return moved > (int)offered ? (int)offered : moved;
}

// Passes the frame in scratch[i] on. False when it is lost: no memory, or the device made no sense.
static bool pass_frame(uint32_t i, struct netdev_frame *out) {
    struct device_buffer buffer;
    struct netdev_frame frame;
    private_copy(&buffer, &buffers[i], sizeof(buffer));
    if (!describe(scratch[i], buffer.result, &frame))
        return false;
    const uint32_t bytes = frame.offset + frame.bytes;
    void *object = scratch[i];
    if (bytes <= COPY_BYTES_MAX) {
        object = xheap_alloc(bytes);
        if (object == NULL)
            return false;
        copy_data(object, scratch[i], bytes);
    }
    const int index = xheap_pass(object);
    if (index < 0 && object != scratch[i])
        (void)xheap_free(object);
    if (index < 0)
        return false;
    if (object == scratch[i])
        scratch[i] = NULL;
    frame.object = (uint32_t)index;
    *out = frame;
    return true;
}

// Passes on what is in the first moved scratch objects. Returns how many frames there are now, with count before.
static int pass_frames(struct netdev_frame *frames, int count, uint32_t moved) {
    for (uint32_t i = 0; i < moved; i++)
        count += pass_frame(i, &frames[count]);
    uint32_t left = 0;
    for (uint32_t i = 0; i < scratch_count; i++)
        if (scratch[i] != NULL)
            scratch[left++] = scratch[i];
    scratch_count = left;
    return count;
}

int netdev_info(struct netdev_info *info) {
    if (event < 0)
        return -ENODEV;
    // Only a submission tells whether the platform has the device. If it moves a frame, netdev_receive() passes it on.
    if (kept == 0) {
        const int moved = read_frames(1);
        if (moved < 0 && moved != -ENOMEM)
            return -ENODEV;
        kept = moved > 0;
    }
    *info = (struct netdev_info){
        .mac = { 0x02, 0, 0, 0, 0, 0x02 }, // locally administered
        .mtu = MTU_BYTES,
        .event = (uint32_t)event,
        .offloads = NETDEV_OFFLOAD_CSUM_RX | NETDEV_OFFLOAD_CSUM_TX | NETDEV_OFFLOAD_GSO_TX | NETDEV_OFFLOAD_LRO_RX,
    };
    return 0;
}

// Every buffer that is offered costs its checks in the monitor and in the nucleus, whether a frame comes or not: so
// first some more than came last time, and twice as many each time that all were filled.
int netdev_receive(struct netdev_frame *frames, size_t max) {
    if (max < 1 || max > NETDEV_BATCH_MAX)
        return -EINVAL;
    uint32_t done = kept;
    kept = 0;
    int count = done > 0 ? pass_frames(frames, 0, done) : 0;
    for (uint32_t offered = 2 * expected + 2; done < max; offered *= 2) {
        if (offered > max - done)
            offered = (uint32_t)max - done;
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
        frame->bytes < ETHERNET_BYTES)
        return false;
    const bool has_sum = (frame->flags & NETDEV_NEEDS_CSUM) != 0;
    if (has_sum && (uint32_t)frame->csum_start + frame->csum_offset + 2 > frame->bytes)
        return false;
    if (frame->gso_type == NETDEV_GSO_NONE)
        return frame->bytes <= FRAME_BYTES_MAX;
    return frame->gso_type == NETDEV_GSO_TCPV4 && has_sum && frame->gso_bytes > 0 &&
           frame->header_bytes + (uint32_t)frame->gso_bytes <= FRAME_BYTES_MAX && frame->header_bytes <= frame->bytes;
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
        if (frame[i].gso_type != NETDEV_GSO_NONE) {
            header.gso_type = frame[i].gso_type;
            header.header_bytes = frame[i].header_bytes;
            header.gso_bytes = frame[i].gso_bytes;
        }
        uint8_t *start = (uint8_t *)data + frame[i].offset - sizeof(header);
        memcpy(start, &header, sizeof(header));
        buffers[i] = (struct device_buffer){ .address = (uintptr_t)start,
                                             .bytes = (uint32_t)sizeof(header) + frame[i].bytes };
    }
    return device_submit(DEVICE_NET0, DEVICE_WRITE, buffers, count);
}
