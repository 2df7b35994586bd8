// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// link.h - lwIP's network interface over a netdev driver.
//
//   link_init       find the device, bring the interface up
//   link_receive    one batch of frames into lwIP
//   link_flush      what lwIP sent goes to the driver, as one batch
//   rx_frame_*      a received frame, whose payload stays in the shared-heap object in which it came
//
// Invariant: headers are parsed in a private copy; of a shared object lwIP sees only payload, which it does not parse. It
// reads it to check a checksum that the device has not, and to answer a ping. It does not know sockets (socket.c), and it
// never waits.
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lwip/pbuf.h"

// Ethernet, IPv4 with options, TCP with options: nothing that lwIP parses lies behind these bytes.
#define HEADER_BYTES_MAX (14 + 60 + 60)

//   object (shared heap, owned by net)          struct rx_frame (private)
//   +--------+-----------------+                 head -> header[]   (copy of Ethernet, IP and TCP header)
//   | header | payload         | <-- body -----  body -> payload, in place
//   +--------+-----------------+
struct rx_frame {
    struct pbuf_custom head, body;
    struct rx_frame *next;     // in the free list, or in a socket's queue
    void *object;              // NULL: there is no payload, or the object was passed on
    // In a socket's queue:
    struct pbuf *held;         // what keeps this frame: to be freed when it is out of the queue
    uint32_t offset, bytes;    // which part of object is payload
    uint8_t address[4];        // of a datagram: who sent it
    uint16_t port;
    uint32_t object_bytes;     // what object counts against NET_RX_QUEUE_KIB
    struct flow *flow;         // the connection whose share it counts against, or NULL
    uint8_t pbufs;             // of head and body, those that lwIP or a socket still holds
    uint8_t header[HEADER_BYTES_MAX];
};

// What passed through here since the start, for net_status().
struct link_counters {
    uint64_t frames_in, bytes_in, dropped_in;    // received, and of these: malformed, or without room for them
    uint64_t frames_out, bytes_out, dropped_out; // sent by lwIP, and of these: lost with the driver
};
extern struct link_counters link_counters;

// The frame of a body pbuf, or NULL when pbuf is not a frame's body. The other: of a head pbuf.
struct rx_frame *rx_frame_of(struct pbuf *pbuf);
struct rx_frame *rx_frame_of_head(struct pbuf *pbuf);

// Brings the link up, or leaves the domain without one when there is no device, or its driver names an event that
// there is not. Returns 0, -ENOMEM, or -EDOMAINDEAD when the driver is dead.
int link_init(void);
// Feeds at most one batch to lwIP. True when more frames may be waiting.
bool link_receive(void);
// Hands the gathered frames to the driver. True when all were taken.
bool link_flush(void);
// The driver was dead when it was last asked: its event says nothing, so it must be asked again after a while.
bool link_is_away(void);
// How long a segment lwIP may make for a peer that takes mss bytes: more where the device cuts it again, a multiple of
// mss then.
uint16_t link_segment_bytes(uint16_t mss);
// The event that is signalled when frames may be waiting; -1 when there is no link.
int link_event(void);

#endif
