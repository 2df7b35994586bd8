// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// buffer.c - see buffer.h.
#include "alloc.h"
#include "buffer.h"
#include "copy.h"
#include "string.h"

#define BUFFER_MIN 512

bool buffer_append(struct buffer *buffer, const void *data, size_t bytes, size_t limit) {
    size_t waiting = buffer_bytes(buffer);
    if (bytes > limit || waiting > limit - bytes)
        return false;
    if (!bytes)
        return true;
    if (buffer->room - buffer->end < bytes && buffer->start) { // first use the room that was consumed
        copy_count(waiting);
        memmove(buffer->bytes, buffer_first(buffer), waiting);
        buffer->start = 0;
        buffer->end = waiting;
    }
    if (buffer->room - buffer->end < bytes) {
        size_t wanted = waiting + bytes, room = wanted + wanted / 2;
        room = room < BUFFER_MIN ? BUFFER_MIN : room;
        char *more = heap_realloc(buffer->bytes, room);
        if (!more && !(more = heap_realloc(buffer->bytes, room = wanted)))
            return false;
        copy_count(more == buffer->bytes ? 0 : waiting);
        buffer->bytes = more;
        buffer->room = room;
    }
    copy_data(buffer->bytes + buffer->end, data, bytes);
    buffer->end += bytes;
    return true;
}

bool buffer_prepend(struct buffer *buffer, const void *data, size_t bytes, size_t limit) {
    struct buffer joined = {0};
    if (!buffer_append(&joined, data, bytes, limit))
        return false;
    if (!buffer_append(&joined, buffer_first(buffer), buffer_bytes(buffer), limit)) {
        buffer_consume(&joined, bytes);
        return false;
    }
    buffer_consume(buffer, buffer_bytes(buffer));
    *buffer = joined;
    return true;
}

void buffer_consume(struct buffer *buffer, size_t bytes) {
    buffer->start += bytes;
    if (buffer->start < buffer->end)
        return;
    heap_free(buffer->bytes);
    *buffer = (struct buffer){0};
}
