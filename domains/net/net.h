// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// net.h - TCP and UDP for applications, in batches.
//
// One call hands over a batch of replies and takes a batch of events: one crossing pays for many requests.
// Received bytes are not copied: an event names a shared-heap object that becomes the caller's, and the caller frees
// it. Serial: the calling thread drives the network stack while it waits. A listener and its connections belong to the
// thread that called net_listen(): only that thread gets their events, and for any other their handles are stale. So
// does a port that net_bind() took. It does not do IPv6, IP fragments or outgoing connections.
#ifndef NET_H
#define NET_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

typedef uint32_t net_socket_t; // generation << 16 | index; 0 is never valid

#define NET_EVENTS_MAX 64
#define NET_SENDS_MAX 64
#define NET_DATAGRAM_MAX 1472 // what fits one frame of 1500 bytes; less when the link's are smaller

enum net_event_kind {
    NET_ACCEPTED, // socket is a new connection of listener
    NET_RECEIVED, // [offset, +bytes) of xheap_take(object) arrived; consecutive events may share neither object nor order
    NET_WRITABLE, // room again after a send that moved fewer bytes than asked; until then the connection has no events
    NET_CLOSED,   // the peer closed or reset, or time-out: the handle is dead, no event follows. Never in the batch of the
                  // connection's last data: a peer that shut down only its sending half still gets the answer to it
    NET_DATAGRAM, // one datagram for socket, from address and port: [offset, +bytes) of xheap_take(object). bytes 0: it
                  // was empty, and there is no object. Each is whole, but they may be lost, doubled and reordered
};

struct net_event {
    uint32_t kind;
    net_socket_t socket;
    net_socket_t listener; // NET_ACCEPTED
    uint32_t object;       // NET_RECEIVED, NET_DATAGRAM: index for xheap_take()
    uint32_t offset, bytes;
    uint8_t address[4];    // NET_DATAGRAM: IPv4, first byte first
    uint16_t port, pad;    // NET_DATAGRAM
};

struct net_send {
    net_socket_t socket;
    uint32_t offset, bytes; // which part of data; bytes 0 with close: only close
    uint32_t close;         // 1: close after these bytes; the handle is dead at once, no event follows. When result is
                            // fewer bytes than asked, nothing is closed: ask again with the rest
    int32_t result;         // out: bytes queued (fewer than asked: wait for NET_WRITABLE), -ESTALE for a dead handle
    uint32_t pad;
    // Datagrams: where to. All or nothing: result is bytes; -EMSGSIZE beyond NET_DATAGRAM_MAX; -EINVAL for port 0 or address
    // 0.0.0.0; -EAGAIN when the device is full, -ENOMEM, -ENODEV without a link. Port 0 with close: only close; a send that
    // failed does not close.
    uint8_t address[4];
    uint16_t port, pad2;
};

struct net_batch {
    uint64_t deadline_ns;   // wait for the first event until then; 0: do not wait; DEADLINE_NEVER
    uint32_t send_count;    // in: entries of sends
    uint32_t event_count;   // in: entries of events wanted (1..NET_EVENTS_MAX); out: entries filled
    struct net_send sends[NET_SENDS_MAX];
    struct net_event events[NET_EVENTS_MAX];
};

// Finds the device and announces the address. Returns 0, also when there is no device (then nothing ever connects),
// -ENOMEM, or -EDOMAINDEAD when the driver, or the source of entropy, is dead. After a restart no socket is open, and
// all old handles are stale; the peers of old connections are told with a reset.
GATE(net) int net_init(uint32_t generation, int persist_valid);

// Accepts connections on port, at most backlog (1..1024) not yet accepted; further ones are made to try again. To be
// called by the thread that will call net_exchange(). Returns a listener handle (> 0); -EINVAL for port 0 or a backlog
// out of range, -EADDRINUSE when another living thread listens there, -ENOMEM. A thread that listens on its own port
// once more (its domain has restarted) gets a new listener, and the old one's connections are reset. Does not block.
GATE(net) int net_listen(uint16_t port, uint32_t backlog);

// Takes the UDP port: its datagrams arrive as NET_DATAGRAM of the socket returned (> 0), and what is sent from it comes
// from there. At most CONFIG_NET_DATAGRAMS_MAX wait; further ones are dropped. -EINVAL for port 0, -EADDRINUSE,
// -ENOMEM; ownership and restarts as with net_listen(). Does not block.
GATE(net) int net_bind(uint16_t port);

// Queues the sends (they point into data, bytes long; NULL and 0 when there are none), then waits for events and
// returns their number (0: the deadline passed). Sent bytes are copied, so data is the caller's again on return.
// Data that is not fetched stays queued, and the peers' windows close.
// Errors: -EINVAL for counts out of range; -ESTALE when the thread took no port since net started: net was restarted while
// the thread was elsewhere, and its ports have to be taken again. Those of a single send are in its result (-EINVAL
// there: outside data).
BLOCKS GATE_GIVES(net) int net_exchange(lend_inout(sizeof(struct net_batch)) struct net_batch *batch,
                                        lend_in(bytes) const void *data, size_t bytes);

// Sends [offset, +bytes) of an object of the caller's, without copying it: it becomes net's, and is freed when the peer
// has the bytes, or with the connection. Worth its crossing for 64 KiB. Returns how many bytes are queued;
// fewer than asked: the rest follows by itself, NET_WRITABLE says when all are queued, and until then the connection
// has no events and takes nothing else to send. What is queued leaves with the thread's next net_exchange(). Errors,
// with which the object is freed: -ESTALE for a dead handle or another thread's, -EINVAL outside the object, for no
// bytes and for a handle of datagrams, -EBUSY while the one before is not all queued, -ENOMEM. Does not block.
GATE(net) int net_give(give void *data, net_socket_t socket, uint32_t offset, uint32_t bytes);

// Keeps connections alive while no application calls net_exchange(): timers, acknowledgements, and what has arrived.
THREAD(net, 8) int net_housekeeping(void);

struct net_status {
    uint8_t address[4], netmask[4], gateway[4];  // IPv4, first byte first
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t is_up;                              // 0: there is no device, and the fields above say nothing
    uint32_t connections, connections_max;       // accepted or waiting to be, and how many there may be. Half-open ones
                                                 // are left out, though each takes the place of one
    uint32_t listeners, pad;                     // ports that are listened to or bound
    uint64_t frames_in, bytes_in, dropped_in;    // Ethernet frames; dropped: malformed, or no room
    uint64_t frames_out, bytes_out, dropped_out; // dropped: lost with a driver that died
};

// What the network is and has done, for people: fills *out, changes nothing. Returns 0. Does not block, but for the
// component's lock; holds that for a walk over all sockets.
GATE(net) int net_status(lend_out(sizeof(struct net_status)) struct net_status *out);

#endif
