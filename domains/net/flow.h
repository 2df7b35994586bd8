// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// flow.h - which of lwIP's connections a segment belongs to, found by a hash instead of a walk; private to net.
//
//   flow_new, flow_end       one per connection of lwIP, from its SYN until lwIP frees it, whoever still uses it
//   flow_find                by addresses and ports
//   flow_frame_free          its share of the received frames that wait
//   flow_narrow, flow_widen  round lwIP's input: of its list of connections it sees only the one that the segment is for
//
// lwIP walks one list for every segment, and moves what it finds to the front; with thousands of equally busy
// connections it walks half of them each time. Its source stays as it is, so it is given a shorter list:
//
//   tcp_active_pcbs = first -> a -> b -> found -> c -> d        flow_narrow: tcp_active_pcbs = found -> c -> d
//                                                               for a segment that is for none of them: nothing
// Invariant: between the two calls lwIP adds no connection but in front, and ends none but `found`: all callbacks that
// run there (socket.c) keep to the connection that they were called for. So flow_widen only has to link the two parts
// again.
#ifndef NET_FLOW_H
#define NET_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include "given.h"
#include "net.h"

// How many received frames one connection may have waiting. The window bounds only bytes: without this, single bytes that
// nobody fetches would take up all of NET_RX_FRAMES_MAX. 64: as much as one net_exchange() fetches.
#define FLOW_FRAMES_MAX (CONFIG_NET_RX_FRAMES_MAX / 16 > 64 ? CONFIG_NET_RX_FRAMES_MAX / 16 : 64)

struct flow_key {              // in network order
    uint32_t local, remote;
    uint16_t local_port, remote_port;
};

struct flow {
    struct flow *next;         // of the same bucket
    struct flow_key key;       // lwIP forgets the port before it frees the connection
    struct tcp_pcb *pcb;
    net_socket_t listener;     // against whose backlog it counts; 0 once it was accepted
    uint16_t mss;              // the largest segment on the wire
    uint16_t segment_bytes;    // the largest that lwIP may make: a multiple of mss where the device cuts them, else mss
    uint32_t frames;           // received, with payload, and not yet fetched; while there are some, this stays
    struct given *given_first, *given_last; // in the order of their bytes (given.h)
    bool has_ended;            // flow_end() was called: only frames keep it
};

// Before the first of the others. Returns 0, or -ENOMEM.
int flow_init(void);

// For a connection that has its addresses, ports and the peer's mss. NULL without memory.
struct flow *flow_new(struct tcp_pcb *pcb);
void flow_end(struct flow *flow);

// ip is an IPv4 header in private memory, with bytes bytes from there on; sent: it is ours, so its source is the local
// end. NULL when it is no TCP segment of a connection.
struct flow *flow_find(const uint8_t *ip, uint32_t bytes, bool sent);

// One of the frames that count in flow->frames is freed; that may be after flow_end().
void flow_frame_free(struct flow *flow);

// flow is that of ip, or NULL; ip as above, of a segment that lwIP is about to get.
void flow_narrow(const struct flow *flow, const uint8_t *ip, uint32_t bytes);
void flow_widen(void);

#endif
