// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// peer.h - the far end of the wire: a TCP client that is just enough for a link that loses and reorders nothing.
//
//   peer_configure   what to send
//   peer_resume      its connections go on, after a restart of the driver
//   peer_input       one Ethernet frame from the network stack
//   peer_output      the next frame for it
//
// Every connection sends one SET, then batches of equal requests, each as one segment and only after the replies to the
// one before were complete. The address of the system is learnt from its announcement.
// It does not retransmit (but after a restart), close, or keep more than one batch on its way per connection.
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_CONNECTIONS_MAX 1000
#define PEER_PIPELINE_MAX 16
#define PEER_FRAME_MAX 1514

struct peer_load {
    uint32_t connections, pipeline;
    uint64_t requests;    // all together, the connections' first SET included
    uint16_t port;
    bool is_set;          // SET requests, else GET
};

extern uint64_t peer_completed; // requests whose replies have come, right or wrong
extern uint64_t peer_wrong;     // replies, or segments, that were not as expected

void peer_configure(const struct peer_load *load);
// After peer_configure() with the same load, when the driver was started again. False: what was kept makes no sense.
bool peer_resume(void);

// bytes of frame, which others may be changing.
void peer_input(const uint8_t *frame, size_t bytes);

// How many frames peer_output() has now.
uint32_t peer_pending(void);
// Writes the next frame to frame, PEER_FRAME_MAX bytes of room. Returns its length. Only when peer_pending() is not 0.
uint32_t peer_output(uint8_t *frame);

#endif
