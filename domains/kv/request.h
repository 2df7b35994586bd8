// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// request.h - what a command works with, private to kv. Pure.
//
// Invariant: the arguments lie in private memory (command.c copied the request), except those of a DIRECT command when
// is_shared: it reads each once. Nothing of a request outlives its execution.
#ifndef KV_REQUEST_H
#define KV_REQUEST_H

#include "client.h"
#include "reply.h"
#include "resp.h"
#include "store.h"

struct span {
    const char *bytes;
    size_t length;
};

enum change { CHANGE_NONE, CHANGE_REQUEST, CHANGE_LOGGED };

struct request {
    struct store *store;
    struct clients *clients;     // NULL, as client: a log is read
    struct client *client;
    const struct resp_parser *parser;
    const char *input;
    struct reply *reply;
    uint32_t count;              // of arguments, the name included; a handler that stops half-way lowers it to what it did
    enum change change;
    bool is_private;             // the input, before the arguments were copied
    bool is_shared, closes;      // closes: set by a handler that ends the connection
    const char *name;            // of the command, in lower case
};

#define ERROR_SYNTAX "ERR syntax error"
#define ERROR_INTEGER "ERR value is not an integer or out of range"
#define ERROR_OVERFLOW "ERR increment or decrement would overflow"
#define ERROR_MEMORY "OOM command not allowed when used memory > 'maxmemory'."
#define ERROR_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"

static inline struct span request_argument(const struct request *request, uint32_t index) {
    struct span span;
    span.bytes = resp_argument(request->parser, request->input, index, &span.length);
    return span;
}

// Whether argument index is word, whatever its case (word in lower case).
bool request_is(const struct request *request, uint32_t index, const char *word);
// Argument index as an integer; otherwise false, and the error is sent.
bool request_integer(const struct request *request, uint32_t index, int64_t *value);
// The optional count in argument index: 1 when it is not there. False: no number, or negative; the error is sent.
bool request_count(const struct request *request, uint32_t index, size_t *count);
// The key in argument index: false when it has another type (the error is sent); *entry is NULL when it is not there.
bool request_find(const struct request *request, uint32_t index, enum type type, struct dict_entry **entry);
// The same, as its object: NULL when it is not there. Creates it when create; then false may also mean memory exhausted.
bool request_object(const struct request *request, uint32_t index, enum type type, bool create, void **object);
// Removes the key in argument index when nothing is left in its object.
void request_settle(const struct request *request, uint32_t index);
// Turns indexes that may count from the end (-1) into [first, end) of count items.
void request_range(int64_t start, int64_t stop, size_t count, size_t *first, size_t *end);
// The request changed the store, and would change it the same way again: the log gets it as it came. Every handler of a
// command that writes ends, when it did, with one of these three.
static inline void request_changed(struct request *request) { request->change = CHANGE_REQUEST; }
// The same, with text for argument index.
void request_changed_but(struct request *request, uint32_t index, struct span text);
// Chance or the clock had a part in it: the log gets these words, which have the same effect for ever. May come several times.
void request_changed_as(struct request *request, const struct span *words, uint32_t count);
// The same, when memory ran out at argument index: what comes before it happened, if that is more than the first ones.
static inline void request_stopped(struct request *request, uint32_t index, uint32_t first) {
    if (index == first)
        return;
    request->count = index;
    request_changed(request);
}
void request_arity(const struct request *request);
void request_unknown_subcommand(const struct request *request);

#define SPAN(text) ((struct span){text, sizeof(text) - 1})

static inline void reply_span(struct reply *reply, struct span span) { reply_bulk(reply, span.bytes, span.length); }
static inline void reply_memory(struct reply *reply) { reply_error(reply, ERROR_MEMORY); }

#endif
