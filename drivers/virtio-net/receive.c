// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// receive.c - the interface is in receive.h; the window, and what in it is whose, in core/include/virtio_ring.h.
//
// Buffer i is page WINDOW_BUFFERS + i, for ever. It never leaves this domain: a frame is copied out, into an object
// just large enough, which is passed on; so the device can never write what somebody else owns by then. A frame of
// several buffers would have to be put together anyway.
//
//   device --used ring--> copy out --available ring--> device
//
// Invariant: each buffer is either the device's or, inside receive_frames(), on its way back to it.
// What a hostile device could try: identifiers and lengths out of range, frames of more buffers than it used. Each
// costs that frame.
#include "copy.h"
#include "device.h"
#include "receive.h"
#include "string.h"
#include "virtio_ring.h"
#include "xheap.h"

#define ETHERNET_BYTES 14
#define PARTS_MAX (XHEAP_OBJECT_MAX / PAGE_BYTES + 1)

static const volatile struct virtio_used *const used = (const volatile void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_USED);
static volatile struct virtio_available *const available =
    (volatile void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_AVAILABLE);
static bool has_event_index, has_merge;
static uint16_t seen;             // used entries taken so far, modulo 2^16 as all indices here
static uint16_t returned;         // buffers given (back) to the device; published in available->index

struct part { uint32_t id, bytes; };

static const char *buffer_of(uint32_t id) { return (const char *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_BUFFERS + id); }

static void give_back(uint32_t id) { available->ring[returned++ % VIRTIO_QUEUE_ENTRIES] = (uint16_t)id; }

static void publish(void) { __atomic_store_n(&available->index, returned, __ATOMIC_RELEASE); }

void receive_start(uint64_t features) {
    has_event_index = (features & VIRTIO_EVENT_INDEX) != 0;
    has_merge = (features & VIRTIO_NET_MERGE) != 0;
    for (uint32_t id = 0; id < VIRTIO_QUEUE_ENTRIES; id++)
        give_back(id);
    publish();
}

// How many used entries wait. The acquire orders the reads of entries and buffers behind the index.
static uint16_t waiting(void) { return (uint16_t)(__atomic_load_n(&used->index, __ATOMIC_ACQUIRE) - seen); }

static struct part next_part(void) {
    const volatile struct virtio_used_entry *entry = &used->ring[seen++ % VIRTIO_QUEUE_ENTRIES];
    return (struct part){ entry->id, entry->bytes };
}

static bool is_possible(const struct part *part) {
    return part->id < VIRTIO_QUEUE_ENTRIES && part->bytes <= PAGE_BYTES;
}

// Copies the frame behind its header out of its parts and passes it on. False: no memory.
static bool pass(const struct part *parts, uint32_t count, uint32_t bytes, uint32_t *index) {
    char *object = xheap_alloc(bytes);
    if (object == NULL)
        return false;
    uint32_t at = 0, skipped = sizeof(struct virtio_net_header);
    for (uint32_t i = 0; i < count; i++) {
        copy_data(object + at, buffer_of(parts[i].id) + skipped, parts[i].bytes - skipped);
        at += parts[i].bytes - skipped;
        skipped = 0;
    }
    const int passed = xheap_pass(object);
    if (passed < 0)
        (void)xheap_free(object);
    *index = (uint32_t)passed;
    return passed >= 0;
}

// The frame whose first part is parts[0]. False when it is lost: no memory, or the device made no sense.
static bool take_frame(struct part *parts, uint32_t *count, struct netdev_frame *out) {
    struct virtio_net_header header;
    if (!is_possible(&parts[0]) || parts[0].bytes < sizeof(header))
        return false;
    memcpy(&header, buffer_of(parts[0].id), sizeof(header));
    const uint32_t wanted = has_merge ? header.buffers : 1;
    if (wanted < 1 || wanted > PARTS_MAX || wanted - 1 > waiting())
        return false;
    uint32_t bytes = parts[0].bytes - (uint32_t)sizeof(header);
    while (*count < wanted) {
        parts[*count] = next_part();
        if (!is_possible(&parts[(*count)++]))
            return false;
        bytes += parts[*count - 1].bytes;
    }
    if (bytes < ETHERNET_BYTES || bytes > XHEAP_OBJECT_MAX ||
        (header.gso_type != NETDEV_GSO_NONE && header.gso_type != NETDEV_GSO_TCPV4)) // nothing else was asked for
        return false;
    *out = (struct netdev_frame){
        .bytes = bytes,
        .flags = header.flags & (NETDEV_NEEDS_CSUM | NETDEV_DATA_VALID),
        .gso_type = header.gso_type,
        .header_bytes = header.header_bytes,
        .gso_bytes = header.gso_bytes,
        .csum_start = header.csum_start,
        .csum_offset = header.csum_offset,
    };
    return pass(parts, *count, bytes, &out->object);
}

static uint32_t take_frames(struct netdev_frame *frames, uint32_t max) {
    uint32_t done = 0;
    while (done < max && waiting() > 0) {
        struct part parts[PARTS_MAX] = { next_part() };
        uint32_t count = 1;
        done += take_frame(parts, &count, &frames[done]);
        for (uint32_t i = 0; i < count; i++)
            if (parts[i].id < VIRTIO_QUEUE_ENTRIES)
                give_back(parts[i].id);
    }
    return done;
}

uint32_t receive_frames(struct netdev_frame *frames, uint32_t max, bool *wants_notify) {
    const uint16_t before = returned;
    uint32_t done = 0;
    do {
        done += take_frames(frames + done, max - done);
        available->used_event = seen;            // from here the next used buffer interrupts, once ...
        __atomic_thread_fence(__ATOMIC_SEQ_CST); // ... so what came before that is looked for
    } while (done < max && waiting() > 0);
    publish();
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the index, before the question whether somebody looks at it
    if (returned == before)
        *wants_notify = false;
    else if (has_event_index)
        *wants_notify = virtio_is_passed(used->available_event, before, returned);
    else
        *wants_notify = (used->flags & VIRTIO_NO_NOTIFY) == 0;
    return done;
}
