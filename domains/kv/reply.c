// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// reply.c - see reply.h.
#include "copy.h"
#include "number.h"
#include "real.h"
#include "reply.h"
#include "string.h"

static inline bool goes_direct(const struct reply *reply) {
    return !buffer_bytes(reply->waiting) && !(reply->gifts && reply->gifts->first);
}

void reply_bytes(struct reply *reply, const void *data, size_t bytes) {
    if (reply->failed)
        return;
    if (goes_direct(reply) && bytes <= reply->direct_room - reply->direct_used) {
        copy_data(reply->direct + reply->direct_used, data, bytes);
        reply->direct_used += bytes;
        return;
    }
    reply->failed = !buffer_append(reply->waiting, data, bytes, reply->limit);
}

void reply_text(struct reply *reply, const char *text) { reply_bytes(reply, text, strlen(text)); }

static void reply_number(struct reply *reply, char type, uint64_t magnitude, bool negative) {
    char line[NUMBER_LINE_MAX];
    reply_bytes(reply, line, (size_t)(number_line(line, type, magnitude, negative) - line));
}

static bool gives_bulk(struct reply *reply, const void *data, size_t bytes) {
    char line[NUMBER_LINE_MAX];
    const struct gift_part parts[] = {
        {line, (size_t)(number_line(line, '$', bytes, false) - line)}, {data, bytes}, {"\r\n", 2}};
    return reply->gifts && !buffer_bytes(reply->waiting) && !reply->failed &&
           gifts_add(reply->gifts, false, parts, sizeof(parts) / sizeof(*parts), reply->limit);
}

void reply_bulk(struct reply *reply, const void *data, size_t bytes) {
    size_t room = reply->direct_room - reply->direct_used;
    bool fits = room >= NUMBER_LINE_MAX + 2 && bytes <= room - NUMBER_LINE_MAX - 2;
    if (fits && goes_direct(reply) && !reply->failed) {
        char *start = reply->direct + reply->direct_used, *out = number_line(start, '$', bytes, false);
        copy_data(out, data, bytes);
        out += bytes;
        out[0] = '\r';
        out[1] = '\n';
        reply->direct_used += (size_t)(out + 2 - start);
        return;
    }
    if (bytes >= GIFT_BYTES_MIN && gives_bulk(reply, data, bytes))
        return;
    reply_number(reply, '$', bytes, false);
    reply_bytes(reply, data, bytes);
    reply_bytes(reply, "\r\n", 2);
}

void reply_integer(struct reply *reply, int64_t value) {
    reply_number(reply, ':', value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void reply_array(struct reply *reply, size_t count) { reply_number(reply, '*', count, false); }
void reply_null(struct reply *reply) { reply_bytes(reply, "$-1\r\n", 5); }
void reply_null_array(struct reply *reply) { reply_bytes(reply, "*-1\r\n", 5); }
void reply_ok(struct reply *reply) { reply_bytes(reply, "+OK\r\n", 5); }
void reply_word(struct reply *reply, const char *text) { reply_bulk(reply, text, strlen(text)); }

void reply_real(struct reply *reply, uint64_t score) {
    char text[REAL_TEXT_MAX];
    reply_bulk(reply, text, real_format(score, text));
}

void reply_error(struct reply *reply, const char *text) {
    reply_bytes(reply, "-", 1);
    reply_text(reply, text);
    reply_bytes(reply, "\r\n", 2);
}
