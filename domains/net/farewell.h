// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// farewell.h - who was connected before a restart hears that it is over.
//
//   farewell_keep, farewell_forget   a socket's connection, in persistent memory
//   farewell_send                    tells some of those of before
//
// A peer that waits for a reply has nothing to send, so without this it would wait for ever. It cannot simply be sent
// a reset: that has to carry the next sequence number, which died with lwIP. So it gets a SYN, which it must answer
// by telling what it expects (RFC 5961, 4), and lwIP resets whom it does not know.
// Invariant: what is kept is a word per socket that one store changes, so it is right or absent; if it is wrong in
// spite of that, somebody gets a segment that means nothing to them.
#ifndef NET_FAREWELL_H
#define NET_FAREWELL_H

#include <stdint.h>
#include "socket_table.h"
#include "lwip/tcp.h"

void farewell_init(int persist_valid);
void farewell_keep(const struct socket *socket);
void farewell_forget(const struct socket *socket);
// Returns when to call it again, DEADLINE_NEVER when everybody has been told.
uint64_t farewell_send(void);

#endif
