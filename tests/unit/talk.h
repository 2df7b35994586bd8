// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// talk.h - a conversation with kv without a network: pieces of input in, all output out.
#ifndef TESTS_UNIT_TALK_H
#define TESTS_UNIT_TALK_H

#include <time.h>
#include "alloc.h"
#include "connection.h"
#include "fake.h"
#include "xheap.h"

#define TALK_OUTPUT_MAX (4 << 20)

struct talk {
    struct store store;
    struct connection_table table;
    struct connection *connection;
    char *output;
    size_t output_bytes;
    size_t direct_room;      // how much of a reply may go out directly: small values exercise the waiting buffer
};

static inline void talk_open(struct talk *talk, size_t store_limit, size_t direct_room) {
    *talk = (struct talk){.output = malloc(TALK_OUTPUT_MAX), .direct_room = direct_room};
    fake_public.clock.wall_offset_ns = (uint64_t)time(NULL) * 1000000000;
    store_open(&talk->store, 1, 2, store_limit);
    talk->table = (struct connection_table){.store = &talk->store, .input_limit = 1 << 20, .output_limit = 1 << 20};
    talk->connection = connection_open(&talk->table, 0x10007);
}

static inline void talk_keep(struct talk *talk, const char *bytes, size_t count) {
    assert_true(talk->output_bytes + count <= TALK_OUTPUT_MAX);
    if (count)
        memcpy(talk->output + talk->output_bytes, bytes, count);
    talk->output_bytes += count;
}

// What the server's rounds do: take the gifts and the waiting output, then let stalled requests go on.
static inline void talk_drain(struct talk *talk) {
    struct connection *connection = talk->connection;
    while (connection_waiting(connection)) {
        while (connection->gifts.first) {
            uint32_t bytes;
            char *object = gifts_take(&connection->gifts, &bytes);
            assert_in_range(bytes, 1, XHEAP_OBJECT_MAX);
            talk_keep(talk, object, bytes);
            assert_int_equal(xheap_free(object), 0);
        }
        assert_int_equal(connection->gifts.bytes, 0);
        talk_keep(talk, buffer_first(&connection->output), buffer_bytes(&connection->output));
        buffer_consume(&connection->output, buffer_bytes(&connection->output));
        connection_settle(&talk->table, connection);
        if (connection->stalled) {
            char *direct = malloc(talk->direct_room + 1);
            talk_keep(talk, direct, connection_input(&talk->table, connection, NULL, 0, direct, talk->direct_room));
            free(direct);
        }
    }
}

// The piece is copied to a block of exactly its size, so that the address sanitizer sees every byte read too far.
static inline void talk_feed(struct talk *talk, const char *input, size_t bytes) {
    char *piece = malloc(bytes ? bytes : 1), *direct = malloc(talk->direct_room + 1);
    memcpy(piece, input, bytes);
    size_t used = connection_input(&talk->table, talk->connection, piece, bytes, direct, talk->direct_room);
    assert_true(used <= talk->direct_room);
    talk_keep(talk, direct, used);
    free(piece);
    free(direct);
    talk_drain(talk);
}

static inline void talk_close(struct talk *talk) {
    connection_table_clear(&talk->table);
    heap_free(talk->table.entries);
    store_close(&talk->store);
    free(talk->output);
    assert_int_equal(fake_heap_used, 0);
}

#endif
