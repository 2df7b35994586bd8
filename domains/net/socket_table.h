// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket_table.h - the sockets, and which of them have events for whom; private to net.
//
//   socket_new, socket_find, socket_free    a socket and its handle
//   socket_event_*, socket_ready            what waits for its owner
//   socket_pause, socket_resume             its events wait, uncounted, until a send finds room again
//
// Invariant: owners[i].events is the number of events of the sockets of thread i that are not paused; a socket is in its
// owner's list when it has one of these and is not being collected. Everything here runs under the component lock.
// It knows no TCP (socket.c).
#ifndef NET_SOCKET_TABLE_H
#define NET_SOCKET_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "address_map_asm.h"
#include "link.h"
#include "net.h"

#define LISTENERS_MAX 16
#define SOCKETS_MAX (CONFIG_NET_CONNECTIONS_MAX + LISTENERS_MAX)

enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_CONNECTED };

struct socket {
    struct tcp_pcb *pcb;        // NULL when lwIP has freed it
    struct rx_frame *rx_first, *rx_last;
    struct socket *next, *previous; // owner's list of sockets with events; next: also the free list
    net_socket_t listener;      // of a connection
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

extern struct socket sockets[SOCKETS_MAX];
extern struct socket_owner socket_owners[THREAD_MAX];
extern uint32_t sockets_free;

void socket_table_init(void);

net_socket_t socket_handle(const struct socket *socket);
// The socket of a handle, or NULL for one that is stale or was never valid.
struct socket *socket_find(net_socket_t handle);
// A zeroed socket of owner, or NULL when all are taken.
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

// Takes the first of the queued frames, of which there must be one.
struct rx_frame *socket_frame_unqueue(struct socket *socket);
// One connection less counts against the listener's backlog; nothing when the listener is gone.
void socket_accept_done(net_socket_t listener);

#endif
