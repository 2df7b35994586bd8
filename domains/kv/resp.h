// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// resp.h - the parser of Redis' protocol (RESP2 requests and inline requests), private to kv. Pure.
//
// Interface: resp_open, resp_parse, resp_argument, resp_next, resp_close, resp_integer
//
// A request may arrive in any number of pieces: resp_parse() is called again with the same bytes plus more (perhaps at
// another address) and goes on where it stopped. Arguments are named by offset, so nothing is copied.
// Invariant: the bytes may change while they are parsed (shared heap). Every line is copied once, and decided on in
// private memory; offsets and lengths lie in the parser; whatever the bytes say, no argument leaves [0, bytes).
// Every decision and error text is that of Redis 7.0 (networking.c, sds.c). It does not know RESP3.
#ifndef KV_RESP_H
#define KV_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESP_LINE_MAX 65536                    // Redis: PROTO_INLINE_MAX_SIZE
#define RESP_BULK_MAX (512 * 1024 * 1024)      // Redis: proto-max-bulk-len
#define RESP_ARGUMENTS_INLINE 4                // enough for SET; more go to the private heap

enum resp_status {
    RESP_INCOMPLETE,   // call again with more bytes
    RESP_REQUEST,      // a request of count arguments (0: nothing to do) that ends at position
    RESP_INVALID,      // error says why; the connection cannot be understood any more
    RESP_NO_MEMORY,    // the request has more arguments than the private heap can list
};

struct resp_range {
    uint32_t offset, bytes;
};

struct resp_parser {
    size_t position;           // bytes parsed
    int32_t remaining;         // arguments still to come
    int64_t bulk_bytes;        // length of the argument whose bytes come next; -1: its line comes next
    uint32_t count, room;      // of ranges
    struct resp_range *ranges; // few, or in the private heap
    char *line;                // inline request: its private copy, to which the ranges refer
    char error[48];
    struct resp_range few[RESP_ARGUMENTS_INLINE];
};

void resp_open(struct resp_parser *parser);

// bytes: everything since the end of the request before. Never reads beyond.
enum resp_status resp_parse(struct resp_parser *parser, const char *input, size_t bytes);

// Argument index of a complete request; *bytes is its length.
static inline const char *resp_argument(const struct resp_parser *parser, const char *input, uint32_t index, size_t *bytes) {
    struct resp_range range = parser->ranges[index];
    *bytes = range.bytes;
    return (parser->line ? parser->line : input) + range.offset;
}

// Forgets the request, for the next one.
void resp_next(struct resp_parser *parser);
// Frees what the parser holds.
void resp_close(struct resp_parser *parser);

// Strictly a decimal integer, as Redis' string2ll: no blank, plus sign or leading zero. False: it is none, or too large.
bool resp_integer(const char *text, size_t bytes, int64_t *value);

#endif
