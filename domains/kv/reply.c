// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// reply.c - see reply.h.
#include "format.h"
#include "reply.h"
#include "string.h"

void reply_bytes(struct reply *reply, const void *data, size_t bytes) {
    if (reply->failed)
        return;
    if (buffer_bytes(reply->waiting) == 0 && bytes <= reply->direct_room - reply->direct_used) {
        memcpy(reply->direct + reply->direct_used, data, bytes);
        reply->direct_used += bytes;
        return;
    }
    reply->failed = !buffer_append(reply->waiting, data, bytes, reply->limit);
}

void reply_text(struct reply *reply, const char *text) { reply_bytes(reply, text, strlen(text)); }

void reply_bulk(struct reply *reply, const void *data, size_t bytes) {
    char head[24];
    reply_bytes(reply, head, format(head, sizeof(head), "$%zu\r\n", bytes));
    reply_bytes(reply, data, bytes);
    reply_bytes(reply, "\r\n", 2);
}

void reply_integer(struct reply *reply, int64_t value) {
    char line[24];
    reply_bytes(reply, line, format(line, sizeof(line), ":%ld\r\n", value));
}

void reply_error(struct reply *reply, const char *text) {
    reply_bytes(reply, "-", 1);
    reply_text(reply, text);
    reply_bytes(reply, "\r\n", 2);
}
