// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// buffer.h - bytes that wait in private memory: the unparsed rest of a client's input, replies not yet sent.
//
// Invariant: [start, end) of bytes is what waits; an empty buffer holds no memory.
#ifndef KV_BUFFER_H
#define KV_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *bytes;
    size_t start, end, room;
};

static inline size_t buffer_bytes(const struct buffer *buffer) { return buffer->end - buffer->start; }
static inline char *buffer_first(const struct buffer *buffer) { return buffer->bytes + buffer->start; }

// Adds at the end (append) or before the start (prepend). False when more than limit bytes would wait, or the heap is
// exhausted; then nothing changed.
bool buffer_append(struct buffer *buffer, const void *data, size_t bytes, size_t limit);
bool buffer_prepend(struct buffer *buffer, const void *data, size_t bytes, size_t limit);
// Removes bytes, at most those that wait, from the start.
void buffer_consume(struct buffer *buffer, size_t bytes);

#endif
