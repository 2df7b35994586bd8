// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket.h - handles, queues and events between lwIP's connections and the applications.
//
//   socket_listen, socket_bind, socket_send, socket_give, socket_collect, sockets_output
//   socket_pending        how many events wait for a thread
//   socket_fresh_owners   the threads for which events appeared since it was last asked
//
// A listener belongs to the thread that made it, and so do its connections: no other thread sees their events or can
// use their handles, and thread_self() cannot be forged. Invariant: every queued event is counted once in its owner.
// It does not parse frames (link.c), and it never waits.
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include "net.h"

// Once, before anything else here. Does not fail.
void socket_init(void);

// See net_listen(). The port is free again when the thread that listened there has ended, or is owner itself: then the
// application has restarted, and the old listener's connections are reset.
int socket_listen(uint32_t owner, uint16_t port, uint32_t backlog);

// See net_bind(); the port as with socket_listen().
int socket_bind(uint32_t owner, uint16_t port);

// What send, in private memory, asks for; its bytes are at data. Returns its result: see struct net_send.
int socket_send(uint32_t owner, const struct net_send *send, const void *data);
// See net_give(): object is this domain's, whatever becomes of it.
int socket_give(uint32_t owner, net_socket_t handle, void *object, uint32_t offset, uint32_t bytes);
// Has lwIP send what socket_send() and socket_give() queued, once per connection.
void sockets_output(void);

uint32_t socket_pending(uint32_t owner);
uint64_t socket_fresh_owners(void);

// Moves up to max events of owner to out; their objects are passed with xheap_pass(). Returns how many.
uint32_t socket_collect(uint32_t owner, struct net_event *out, uint32_t max);

#endif
