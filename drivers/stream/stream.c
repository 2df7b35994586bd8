// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stream.c - the interface is in drivers/netdev/netdev.h.
//
//   rx: [ length | frame | length | frame | length | fra        what one read brought; the cut end waits for the next one
//   tx: [ length | frame | length | frame ]                     tx_first: what the last write did not take goes first
//
// The device moves bytes, not frames, and may cut them anywhere. Lengths are 32 bits, big endian.
// Invariant: rx[0..rx_bytes) and tx[tx_first..tx_bytes) start with a length, or inside a frame that is partly sent.
// What a hostile caller could try: ranges beyond its object, changing descriptors while they are read (they are copied
// once). What a hostile device could try: lengths that no frame has; then nothing more is received, since the stream
// has lost its place. It offloads nothing, and it does not connect again.
#include "stream.h"
#include <stdbool.h>
#include "copy.h"
#include "device.h"
#include "netdev.h"
#include "private_copy.h"
#include "string.h"
#include "thread.h"
#include "xheap.h"

#define BUFFER_BYTES XHEAP_OBJECT_MAX
#define LENGTH_BYTES 4
#define ETHERNET_BYTES 14
#define MTU_BYTES 1500
#define FRAME_BYTES_MAX (ETHERNET_BYTES + MTU_BYTES)
#define RX_OBJECT_BYTES 2048
_Static_assert(NETDEV_BATCH_MAX * (LENGTH_BYTES + FRAME_BYTES_MAX) <= BUFFER_BYTES, "tx has room for a batch");

static uint8_t *rx, *tx;
static uint32_t rx_bytes, tx_first, tx_bytes;
static bool is_lost;            // the stream lost its place, or its other end
static struct device_buffer *buffer; // in the shared heap, so that lending it copies nothing
static int event;

int stream_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    event = device_event(DEVICE_NET0);
    buffer = xheap_alloc(sizeof(*buffer));
    rx = xheap_alloc(BUFFER_BYTES);
    tx = xheap_alloc(BUFFER_BYTES);
    return buffer == NULL || rx == NULL || tx == NULL ? -ENOMEM : 0;
}

// Moves up to bytes at start. Returns how many: 0 when the device is not ready; or a negative error.
static int move(uint32_t operation, uint8_t *start, uint32_t bytes) {
    *buffer = (struct device_buffer){ .address = (uintptr_t)start, .bytes = bytes };
    const int moved = device_submit(DEVICE_NET0, operation, buffer, 1);
    if (moved <= 0)
        return moved;
    const int32_t result = *(volatile int32_t *)&buffer->result;
    return result > 0 && (uint32_t)result <= bytes ? result : -EIO; // 0: the other end closed
}

// Reads what there is behind what is left. Returns 0, or -ENODEV when the platform has no such device.
static int fill(void) {
    if (is_lost)
        rx_bytes = 0; // read and dropped: bytes that nobody takes would keep the device ready for ever
    if (rx_bytes == BUFFER_BYTES)
        return 0;
    const int moved = move(DEVICE_READ, rx + rx_bytes, BUFFER_BYTES - rx_bytes);
    if (moved == -ENODEV || moved == -EPERM)
        return -ENODEV;
    is_lost = is_lost || moved < 0;
    rx_bytes += moved > 0 ? (uint32_t)moved : 0;
    return 0;
}

int netdev_info(struct netdev_info *info) {
    if (event < 0 || fill() < 0)
        return -ENODEV;
    *info = (struct netdev_info){
        .mac = { 0x02, 0, 0, 0, 0, 0x02 }, // locally administered
        .mtu = MTU_BYTES,
        .event = (uint32_t)event,
    };
    return 0;
}

// Writes what waits. True when nothing is left.
static bool flush(void) {
    while (tx_first < tx_bytes) {
        const int moved = move(DEVICE_WRITE, tx + tx_first, tx_bytes - tx_first);
        if (moved == 0)
            return false;
        if (moved < 0)
            break; // the other end is gone, and what waited with it
        tx_first += (uint32_t)moved;
    }
    tx_first = tx_bytes = 0;
    return true;
}

int netdev_receive(struct netdev_frame *frames, size_t max) {
    if (max < 1 || max > NETDEV_BATCH_MAX)
        return -EINVAL;
    if (!flush())
        (void)!event_signal((uint32_t)event); // no device event tells of room to write: have the caller come again
    const int filled = fill();
    if (filled < 0)
        return filled;
    uint32_t done = 0;
    int count = 0;
    while (!is_lost && count < (int)max && rx_bytes - done >= LENGTH_BYTES) {
        uint32_t length;
        private_copy(&length, rx + done, LENGTH_BYTES);
        const uint32_t bytes = __builtin_bswap32(length);
        if (bytes < ETHERNET_BYTES || bytes > RX_OBJECT_BYTES) {
            is_lost = true;
            break;
        }
        if (rx_bytes - done - LENGTH_BYTES < bytes)
            break;
        void *object = xheap_alloc(RX_OBJECT_BYTES);
        const int index = object == NULL ? -ENOMEM : xheap_pass(object);
        if (index < 0) {
            (void)!xheap_free(object);
            (void)!event_signal((uint32_t)event); // a frame is left, of which the device does not tell again
            break;
        }
        copy_data(object, rx + done + LENGTH_BYTES, bytes);
        done += LENGTH_BYTES + bytes;
        frames[count++] = (struct netdev_frame){ .object = (uint32_t)index, .bytes = bytes };
    }
    rx_bytes -= done;
    copy_count(rx_bytes);
    memmove(rx, rx + done, rx_bytes);
    return count;
}

int netdev_transmit(void *data, size_t bytes, const struct netdev_frame *frames, size_t count) {
    if (count < 1 || count > NETDEV_BATCH_MAX)
        return -EINVAL;
    struct netdev_frame frame[NETDEV_BATCH_MAX];
    private_copy(frame, frames, count * sizeof(*frame));
    for (size_t i = 0; i < count; i++)
        if (frame[i].offset < NETDEV_HEADROOM || frame[i].offset > bytes || frame[i].bytes > bytes - frame[i].offset ||
            frame[i].bytes < ETHERNET_BYTES || frame[i].bytes > FRAME_BYTES_MAX || frame[i].flags != 0 ||
            frame[i].gso_type != NETDEV_GSO_NONE)
            return -EINVAL; // before anything is written
    if (!flush())
        return 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t length = __builtin_bswap32(frame[i].bytes);
        memcpy(tx + tx_bytes, &length, LENGTH_BYTES);
        copy_data(tx + tx_bytes + LENGTH_BYTES, (const uint8_t *)data + frame[i].offset, frame[i].bytes);
        tx_bytes += LENGTH_BYTES + frame[i].bytes;
    }
    if (!flush())
        (void)!event_signal((uint32_t)event); // the rest goes with the next call, of either function
    return (int)count;
}
