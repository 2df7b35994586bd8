// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket_table.h - the sockets, and which of them have events for whom; private to net.
//
//   socket_new, socket_find, socket_free    a socket and its handle
//   socket_reserve          so many sockets can be had without further memory
//   sockets_made, socket_at all sockets that were ever used, to walk over
//   socket_event_*, socket_ready            what waits for its owner
//   socket_pause, socket_resume             its events wait, uncounted, until a send finds room again
//
// Invariant: owners[i].events is the number of events of the sockets of thread i that are not paused; a socket is in
// its owner's list when it has one of these and is not being collected. Everything here runs under the component lock.
// Sockets are made in blocks when they are needed, and stay: a table for ten thousand costs an idle system one pointer
// per block. It knows neither TCP (socket.c) nor UDP (datagram.c).
#ifndef NET_SOCKET_TABLE_H
#define NET_SOCKET_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "address_map_asm.h"
#include "link.h"
#include "net.h"

#define LISTENERS_MAX 16
#define SOCKETS_MAX (CONFIG_NET_CONNECTIONS_MAX + LISTENERS_MAX)

_Static_assert(SOCKETS_MAX <= 0x10000, "16 bits of a handle");

enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_CONNECTED, SOCKET_DATAGRAM };

struct socket {
    union {
        struct tcp_pcb *pcb;    // NULL when lwIP has freed it
        struct udp_pcb *udp;    // of SOCKET_DATAGRAM
    };
    struct rx_frame *rx_first, *rx_last;
    struct socket *next, *previous; // owner's list of sockets with events; next: also the free list
    net_socket_t listener;      // of a connection
    uint32_t index;             // of itself
    uint32_t frames;            // in the queue
    uint32_t events;            // queued for this socket
    uint16_t generation;
    uint16_t backlog, waiting;  // of a listener: allowed, and counted: half open or with NET_ACCEPTED still queued
    uint8_t state, owner;
    bool is_ready;              // in the owner's list
    bool is_new;                // NET_ACCEPTED is queued
    bool has_ended;             // NET_CLOSED is queued
    bool is_paused;             // a send was cut short: its events wait, uncounted, until there is room again
    bool has_room;              // NET_WRITABLE is queued
    bool is_output_due;
};

struct socket_owner {
    struct socket *first, *last;
    uint32_t ready;             // sockets in the list
    uint32_t events;
};

extern struct socket_owner socket_owners[THREAD_MAX];

extern uint32_t sockets_made;
struct socket *socket_at(uint32_t index); // below sockets_made; its state may be SOCKET_FREE

// Makes sockets until count are free. False when they are all taken, or there is no memory.
bool socket_reserve(uint32_t count);

net_socket_t socket_handle(const struct socket *socket);
// The socket of a handle, or NULL for one that is stale or was never valid.
struct socket *socket_find(net_socket_t handle);
// A zeroed socket of owner, or NULL when all are taken or there is no memory for more.
struct socket *socket_new(enum socket_state state, uint32_t owner);
// Frees its frames and forgets its events; from here on its handle is stale. It must have no connection any more.
void socket_free(struct socket *socket);

// Into and out of its owner's list.
void socket_ready(struct socket *socket);
void socket_unready(struct socket *socket);
void socket_event_queued(struct socket *socket);
void socket_event_delivered(struct socket *socket);

// An application that cannot send its answers gets no further requests of that connection: what it must hold stays
// bounded, and the peer's window closes.
void socket_pause(struct socket *socket);
void socket_resume(struct socket *socket);

// Adds a frame, of which held keeps the memory, to the queue, and one to the events.
void socket_frame_queue(struct socket *socket, struct rx_frame *frame, struct pbuf *held);
// Takes the first of the queued frames, of which there must be one.
struct rx_frame *socket_frame_unqueue(struct socket *socket);
// One connection less counts against the listener's backlog; nothing when the listener is gone.
void socket_accept_done(net_socket_t listener);

#endif
