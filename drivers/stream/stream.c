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
// A restart loses rx and tx, and the stream must not lose its place with them: what of a cut frame is still to come
// is kept, and what of one is still to go. A fault in the few instructions between a transfer and the note of it
// loses the place.
#include "stream.h"
#include <stdbool.h>
#include "copy.h"
#include "device.h"
#include "netdev.h"
#include "persist.h"
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
static bool tx_is_rest;         // tx begins inside a frame
static bool is_lost;            // the stream lost its place, or its other end
static uint32_t rx_skip;        // to come, of a frame whose beginning went with the driver before

struct place {                  // in what was read so far
    uint32_t left;              // of the current frame
    uint32_t length_bytes;      // of the next one's length, when left is 0
    uint8_t length[LENGTH_BYTES];
};
static PERSISTENT struct {
    struct place places[2];
    uint32_t current;           // of these
    uint32_t rest_bytes;
    uint8_t rest[LENGTH_BYTES + FRAME_BYTES_MAX]; // of a frame of which a part was sent
} kept;
static struct device_buffer *buffer; // in the shared heap, so that lending it copies nothing
static int event;

// After a restart. A length that no frame has shows soon enough.
static void place_resume(void) {
    const struct place *place = &kept.places[kept.current & 1];
    rx_skip = place->left;
    rx_bytes = place->length_bytes < LENGTH_BYTES ? place->length_bytes : 0;
    memcpy(rx, place->length, rx_bytes);
    tx_bytes = kept.rest_bytes <= sizeof(kept.rest) ? kept.rest_bytes : 0;
    memcpy(tx, kept.rest, tx_bytes);
    tx_is_rest = tx_bytes > 0;
}

int stream_init(uint32_t generation, int persist_valid) {
    (void)generation;
    event = device_event(DEVICE_NET0);
    buffer = xheap_alloc(sizeof(*buffer));
    rx = xheap_alloc(BUFFER_BYTES);
    tx = xheap_alloc(BUFFER_BYTES);
    if (buffer == NULL || rx == NULL || tx == NULL)
        return -ENOMEM;
    if (persist_valid)
        place_resume();
    return 0;
}

// Notes how far bytes, which were just read, lead. One store decides.
static void place_advance(const uint8_t *read, uint32_t bytes) {
    struct place place = kept.places[kept.current & 1];
    while (bytes > 0) {
        uint32_t part = place.left > 0 ? place.left : LENGTH_BYTES - place.length_bytes;
        part = part < bytes ? part : bytes;
        if (place.left > 0) {
            place.left -= part;
        } else {
            private_copy(place.length + place.length_bytes, read, part);
            place.length_bytes += part;
        }
        if (place.length_bytes == LENGTH_BYTES) {
            memcpy(&place.left, place.length, LENGTH_BYTES);
            place.left = __builtin_bswap32(place.left);
            place.length_bytes = 0;
        }
        read += part;
        bytes -= part;
    }
    kept.places[~kept.current & 1] = place;
    persist_barrier();
    kept.current = ~kept.current & 1;
    persist_barrier();
}

// Keeps what is left of the frame that was sent in part.
static void rest_keep(void) {
    uint32_t end = tx_is_rest ? tx_bytes : 0, length;
    while (end <= tx_first && end + LENGTH_BYTES <= tx_bytes) {
        private_copy(&length, tx + end, LENGTH_BYTES);
        end += LENGTH_BYTES + __builtin_bswap32(length);
    }
    kept.rest_bytes = 0;
    persist_barrier();
    if (end > tx_bytes || end - tx_first > sizeof(kept.rest))
        return;
    private_copy(kept.rest, tx + tx_first, end - tx_first);
    persist_barrier();
    kept.rest_bytes = end - tx_first;
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
    if (moved <= 0)
        return 0;
    place_advance(rx + rx_bytes, (uint32_t)moved);
    const uint32_t skipped = rx_skip < (uint32_t)moved ? rx_skip : (uint32_t)moved; // then rx was empty
    rx_skip -= skipped;
    rx_bytes += (uint32_t)moved - skipped;
    memmove(rx, rx + skipped, skipped > 0 ? rx_bytes : 0);
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
        if (tx_first < tx_bytes)
            rest_keep();
    }
    tx_first = tx_bytes = kept.rest_bytes = 0;
    tx_is_rest = false;
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
