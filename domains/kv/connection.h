// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// connection.h - the clients: what each has sent and not got yet, private to kv. Knows no network.
//
// Interface: connection_table_*, connection_open, connection_find, connection_drop, connection_input, connection_refuse
//
//   input  --parse--> requests --execute--> direct reply, else gifts (large ones), else output
//
// Backpressure: a client whose replies wait (CONNECTION_OUTPUT_HIGH) is stalled: its requests are not executed until the
// replies have gone. So one client holds at most CONNECTION_OUTPUT_HIGH and one reply, plus its unparsed input, which is limited.
// Invariant: a connection is in the ready list exactly when it has something to do without an event: replies to
// send, stalled requests to go on with, or its own end.
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include <stdbool.h>
#include "buffer.h"
#include "client.h"
#include "net.h"
#include "reply.h"
#include "resp.h"
#include "store.h"

#define CONNECTION_OUTPUT_HIGH (256 * 1024)

struct connection {
    net_socket_t socket;
    bool blocked;              // the last send was short: wait for NET_WRITABLE
    bool closing;              // close when output has gone; no request is read any more
    bool stalled;              // input waits for output to go
    bool ready;
    struct connection *next, *previous; // ready list
    uint64_t round;            // the round in which it last got an entry in the sends
    struct client client;
    struct resp_parser parser;
    struct buffer input, output;
    struct gifts gifts;        // replies that go before output
};

static inline size_t connection_waiting(const struct connection *connection) {
    return connection->gifts.bytes + buffer_bytes(&connection->output);
}

struct connection_table {
    struct connection **entries; // by the index in the socket
    size_t size;
    struct connection *first_ready;
    struct store *store;
    struct clients clients;
    size_t input_limit, output_limit;
};

// Frees every connection (the network stack has lost them all).
void connection_table_clear(struct connection_table *table);

// A fresh connection for socket; NULL when the private heap is exhausted.
struct connection *connection_open(struct connection_table *table, net_socket_t socket);
struct connection *connection_find(const struct connection_table *table, net_socket_t socket);
void connection_drop(struct connection_table *table, struct connection *connection);

// Executes the requests that end in bytes more input, and keeps the rest. Replies go to direct (room bytes) while they
// fit. Returns the bytes written there. bytes 0: only go on with what waits.
size_t connection_input(struct connection_table *table, struct connection *connection, const char *input, size_t bytes,
                        char *direct, size_t room);

// The writes whose replies the marks of its socket name are not in the log: refusal takes the place of these replies among
// what the client waits for: direct (bytes bytes, not sent, which waits from now on) and what waits already.
void connection_refuse(struct connection_table *table, struct connection *connection, const char *direct, size_t bytes,
                       const struct journal_mark *marks, uint32_t count, const char *refusal);

// Puts the connection into the ready list or takes it out, as its state demands.
void connection_settle(struct connection_table *table, struct connection *connection);

#endif
