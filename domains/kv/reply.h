// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// reply.h - where a command writes its answer, private to kv. Pure.
//
// A reply goes straight into the shared-heap object of this round's replies while there is room, else, and from then on,
// into the connection's private buffer, so that the order stays.
// A value from GIFT_BYTES_MIN on for which that has no room goes into objects of its own, which net gets as they are.
// Invariant: the peer gets direct, then the gifts, then the buffer: nothing goes to one of them while a later one holds
// something. After failed, the connection must be closed.
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buffer.h"
#include "gifts.h"

struct reply {
    char *direct;
    size_t direct_used, direct_room;
    struct buffer *waiting;
    struct gifts *gifts; // NULL: none
    size_t limit;     // most bytes that may wait: Redis' client-output-buffer-limit
    bool failed;      // limit or heap exceeded: the answer is incomplete
};

// Bytes of replies that its connection has, those of this struct and what waited before.
static inline size_t reply_position(const struct reply *reply) {
    return reply->direct_used + (reply->gifts ? reply->gifts->bytes : 0) + buffer_bytes(reply->waiting);
}

void reply_bytes(struct reply *reply, const void *data, size_t bytes);
void reply_text(struct reply *reply, const char *text);   // as it is: "+OK\r\n"
void reply_bulk(struct reply *reply, const void *data, size_t bytes);
void reply_integer(struct reply *reply, int64_t value);
void reply_array(struct reply *reply, size_t count);
void reply_null(struct reply *reply);
void reply_null_array(struct reply *reply);
void reply_ok(struct reply *reply);
void reply_real(struct reply *reply, uint64_t score);     // real.h
void reply_word(struct reply *reply, const char *text);   // a bulk string
void reply_error(struct reply *reply, const char *text);  // "ERR ...", without "-" and line end

#endif
