// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// datagram.h - sockets for UDP datagrams; private to net, called by socket.c.
//
//   datagram_bind, datagram_close      a port
//   datagram_send, datagram_collect    one datagram out, one in
//
// It keeps at most CONFIG_NET_DATAGRAMS_MAX received ones per socket, and none to be sent: what the device does not
// take is refused. Everything here runs under the component lock.
#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

#include <stdbool.h>
#include "socket_table.h"

// See net_bind(). The port is free.
int datagram_bind(uint32_t owner, uint16_t port);
void datagram_close(struct udp_pcb *udp);

// Sends the bytes at data to where send says. Returns their number, or an error: see struct net_send.
int datagram_send(struct socket *socket, const struct net_send *send, const void *data);
// Moves the first queued datagram to the application, or drops it when it cannot be had any more. False when this batch
// cannot carry it.
bool datagram_collect(struct socket *socket, struct net_event *out);

#endif
