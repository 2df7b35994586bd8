// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// connection.c - see connection.h.
#include "alloc.h"
#include "command.h"
#include "connection.h"
#include "copy.h"
#include "xheap.h"

#define TABLE_MIN 64
#define PRIVATE_BYTES 4096 // input up to here is copied at once, so that its requests need no copies of their own

static char private_input[PRIVATE_BYTES];

static size_t index_of(net_socket_t socket) { return socket & 0xffff; } // net.h: generation << 16 | index

struct connection *connection_find(const struct connection_table *table, net_socket_t socket) {
    size_t index = index_of(socket);
    struct connection *connection = index < table->size ? table->entries[index] : NULL;
    return connection && connection->socket == socket ? connection : NULL;
}

struct connection *connection_open(struct connection_table *table, net_socket_t socket) {
    size_t index = index_of(socket);
    if (index >= table->size) {
        size_t size = table->size ? table->size : TABLE_MIN;
        while (size <= index)
            size *= 2;
        struct connection **entries = heap_realloc(table->entries, size * sizeof(*entries));
        if (!entries)
            return NULL;
        memset(entries + table->size, 0, (size - table->size) * sizeof(*entries));
        table->entries = entries;
        table->size = size;
    }
    if (table->entries[index]) // the index was reused before we heard of the old connection's end
        connection_drop(table, table->entries[index]);
    struct connection *connection = heap_zalloc(sizeof(*connection));
    if (!connection)
        return NULL;
    connection->socket = socket;
    client_open(&table->clients, &connection->client);
    resp_open(&connection->parser);
    table->entries[index] = connection;
    return connection;
}

void connection_drop(struct connection_table *table, struct connection *connection) {
    connection->closing = connection->blocked = true; // nothing to do: leaves the ready list
    connection_settle(table, connection);
    table->entries[index_of(connection->socket)] = NULL;
    client_close(&table->clients, &connection->client);
    resp_close(&connection->parser);
    heap_free(connection->input.bytes);
    heap_free(connection->output.bytes);
    gifts_clear(&connection->gifts);
    heap_free(connection);
}

void connection_table_clear(struct connection_table *table) {
    for (size_t i = 0; i < table->size; i++)
        if (table->entries[i])
            connection_drop(table, table->entries[i]);
}

void connection_settle(struct connection_table *table, struct connection *connection) {
    bool ready = !connection->blocked &&
                 (connection_waiting(connection) > 0 || connection->stalled || connection->closing);
    if (ready == connection->ready)
        return;
    connection->ready = ready;
    if (ready) {
        connection->previous = NULL;
        connection->next = table->first_ready;
        if (connection->next)
            connection->next->previous = connection;
        table->first_ready = connection;
        return;
    }
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        table->first_ready = connection->next;
}

// Executes complete requests at the start of input until it ends, the client is stalled, or the connection must close.
// Returns the bytes consumed.
static size_t execute(struct connection_table *table, struct connection *connection, const char *input, size_t bytes,
                      bool is_private, struct reply *reply) {
    struct resp_parser *parser = &connection->parser;
    const struct session session = {table->store, &table->clients, &connection->client, is_private};
    size_t consumed = 0;
    while (consumed < bytes && !connection->closing) {
        connection->stalled = connection_waiting(connection) > CONNECTION_OUTPUT_HIGH;
        if (connection->stalled)
            break;
        enum resp_status status = resp_parse(parser, input + consumed, bytes - consumed);
        if (status == RESP_INCOMPLETE)
            break;
        if (status == RESP_REQUEST) {
            if (parser->count && !command_execute(&session, parser, input + consumed, reply))
                connection->closing = true;
            consumed += parser->position;
            resp_next(parser);
        } else {
            char text[sizeof(parser->error) + 4] = "ERR ";
            memcpy(text + 4, parser->error, sizeof(parser->error));
            reply_error(reply, status == RESP_INVALID ? text : "OOM command not allowed when used memory > 'maxmemory'.");
            connection->closing = true;
        }
    }
    return consumed;
}

size_t connection_input(struct connection_table *table, struct connection *connection, const char *input, size_t bytes,
                        char *direct, size_t room) {
    struct reply reply = {.direct = direct, .direct_room = room, .waiting = &connection->output,
                          .gifts = &connection->gifts, .limit = table->output_limit};
    struct buffer *waiting = &connection->input;
    if (connection->closing)
        return 0;
    connection->stalled = false;
    bool kept = true;
    if (buffer_bytes(waiting)) {
        kept = buffer_append(waiting, input, bytes, table->input_limit);
        if (kept)
            buffer_consume(waiting, execute(table, connection, buffer_first(waiting), buffer_bytes(waiting), true, &reply));
    } else if (bytes) {
        bool is_private = bytes <= PRIVATE_BYTES;
        if (is_private) {
            copy_data(private_input, input, bytes);
            input = private_input;
        }
        size_t consumed = execute(table, connection, input, bytes, is_private, &reply);
        if (!connection->closing)
            kept = buffer_append(waiting, input + consumed, bytes - consumed, table->input_limit);
    }
    if (!kept) { // the request is larger than a client may keep here
        reply_error(&reply, "OOM command not allowed when used memory > 'maxmemory'.");
        connection->closing = true;
    }
    if (reply.failed) { // a reply is missing: a client that read on would take the next one for it
        buffer_consume(&connection->output, buffer_bytes(&connection->output));
        gifts_clear(&connection->gifts);
        connection->closing = true;
    }
    connection_settle(table, connection);
    return reply.direct_used;
}

// Takes all that waits, as one piece behind what old holds. False without memory.
static bool join(struct connection *connection, struct buffer *old) {
    bool joined = true;
    while (connection->gifts.first) {
        uint32_t bytes;
        char *object = gifts_take(&connection->gifts, &bytes);
        joined = joined && buffer_append(old, object, bytes, SIZE_MAX);
        int freed = xheap_free(object);
        (void)freed; // ours, and nobody borrows it
    }
    joined = joined && buffer_append(old, buffer_first(&connection->output), buffer_bytes(&connection->output), SIZE_MAX);
    buffer_consume(&connection->output, buffer_bytes(&connection->output));
    return joined;
}

void connection_refuse(struct connection_table *table, struct connection *connection, const char *direct, size_t bytes,
                       const struct journal_mark *marks, uint32_t count, const char *refusal) {
    struct buffer old = {0};
    size_t done = 0, limit = table->output_limit;
    bool good = buffer_append(&old, direct, bytes, SIZE_MAX);
    good = join(connection, &old) && good;
    struct reply reply = {.waiting = &connection->output, .limit = limit, .failed = !good};
    for (uint32_t i = 0; i < count; i++) {
        if (marks[i].socket != connection->socket)
            continue;
        if (marks[i].start > done)
            reply_bytes(&reply, buffer_first(&old) + done, marks[i].start - done);
        reply_error(&reply, refusal);
        done = marks[i].end;
    }
    if (buffer_bytes(&old) > done)
        reply_bytes(&reply, buffer_first(&old) + done, buffer_bytes(&old) - done);
    heap_free(old.bytes);
    if (reply.failed) { // as in connection_input
        buffer_consume(&connection->output, buffer_bytes(&connection->output));
        connection->closing = true;
    }
    connection_settle(table, connection);
}
