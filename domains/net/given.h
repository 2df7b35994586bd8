// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// given.h - objects that an application gave to be sent: lwIP refers to their bytes instead of copying them; private to
// net.
//
//   given_add       one more for a connection, of which nothing is queued yet
//   given_push      queues what there is room for; true when nothing is left to be queued
//   given_release   frees those whose bytes the peer has
//   given_end       frees all: lwIP has freed the connection
//
// Invariant: an object lives until no segment refers to it. A segment is whole until all of it is acknowledged, and may
// be sent again from its first byte, so what counts is the first segment that lwIP still has, not the last
// acknowledgement. What a hostile domain could try: writing to an object meanwhile. It spoils what this one peer gets,
// as it could before.
#ifndef NET_GIVEN_H
#define NET_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

struct flow;

struct given {
    struct given *next;
    uint8_t *object;           // NULL: its bytes were copied, and it is freed
    uint32_t room_bytes;       // size of the object
    uint32_t at, left_bytes;   // what is not queued yet; only the last one of a connection has some
    uint32_t end;              // sequence number behind its last byte, when nothing is left
    bool is_copied;            // too many bytes were held when it came
};

bool given_is_whole(const struct flow *flow); // nothing waits to be queued
// False without memory. The connection must be whole.
bool given_add(struct flow *flow, void *object, uint32_t offset, uint32_t bytes);
bool given_push(struct flow *flow);
void given_release(struct flow *flow);
void given_end(struct flow *flow);

#endif
