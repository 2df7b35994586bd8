// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// streams.c - XADD, XLEN, XRANGE, XREVRANGE. Source: Redis 7.0, t_stream.c.
//
// Entries leave at the head only (MAXLEN); "~" trims exactly. Consumer groups are not there.
#include "commands.h"
#include "copy.h"
#include "format.h"
#include "stream.h"
#include "string.h"

#define ERROR_ID "ERR Invalid stream ID specified as stream command argument"

int stream_compare(struct stream_id left, struct stream_id right) {
    if (left.ms != right.ms)
        return left.ms < right.ms ? -1 : 1;
    return (left.sequence > right.sequence) - (left.sequence < right.sequence);
}

bool stream_item_check(const char *item, size_t bytes, struct stream_id *previous) {
    struct stream_id before = *previous;
    uint32_t strings, length;
    if (bytes < STREAM_ITEM_HEAD_BYTES)
        return false;
    memcpy(previous, item, sizeof(*previous));
    memcpy(&strings, item + sizeof(*previous), sizeof(strings));
    if (strings < 2 || strings % 2 || stream_compare(*previous, before) <= 0)
        return false;
    for (size_t used = STREAM_ITEM_HEAD_BYTES;; used += length) {
        if (!strings--)
            return used == bytes;
        if (bytes - used < sizeof(length))
            return false;
        memcpy(&length, item + used, sizeof(length));
        used += sizeof(length);
        if (length > bytes - used)
            return false;
    }
}

static struct stream_id id_of(const struct deque_item *item) {
    struct stream_id id;
    memcpy(&id, item->bytes, sizeof(id));
    return id;
}

static bool parse_number(const char *text, size_t bytes, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
            return false;
    return bytes > 0 && (bytes == 1 || text[0] != '0');
}

// "ms" or "ms-sequence"; *any when the sequence is "*". without is the sequence when none is given.
static bool parse_id(struct span text, uint64_t without, struct stream_id *id, bool *any) {
    const char *dash = memchr(text.bytes, '-', text.length);
    size_t first = dash ? (size_t)(dash - text.bytes) : text.length;
    id->sequence = without;
    if (!parse_number(text.bytes, first, &id->ms))
        return false;
    if (!dash)
        return true;
    if (any && text.length - first == 2 && dash[1] == '*')
        return *any = true;
    return parse_number(dash + 1, text.length - first - 1, &id->sequence);
}

static void reply_id(struct reply *reply, struct stream_id id) {
    char text[STREAM_ID_MAX];
    reply_bulk(reply, text, format(text, sizeof(text), "%lu-%lu", id.ms, id.sequence));
}

struct xadd {
    uint32_t id_index;
    bool make, trim, any_id, any_sequence;
    int64_t longest;
    struct stream_id id;
};

static const char *parse_xadd(const struct request *request, struct xadd *xadd) {
    uint32_t i = 2;
    *xadd = (struct xadd){.make = true};
    for (; i < request->count; i++) {
        if (request_is(request, i, "nomkstream")) {
            xadd->make = false;
        } else if (request_is(request, i, "maxlen") && i + 1 < request->count) {
            i += i + 2 < request->count && (request_is(request, i + 1, "=") || request_is(request, i + 1, "~"));
            struct span text = request_argument(request, ++i);
            if (!resp_integer(text.bytes, text.length, &xadd->longest))
                return ERROR_INTEGER;
            if (xadd->longest < 0)
                return "ERR The MAXLEN argument must be >= 0.";
            xadd->trim = true;
        } else {
            break;
        }
    }
    if (i == request->count)
        return ERROR_SYNTAX;
    xadd->id_index = i;
    xadd->any_id = request_is(request, i, "*");
    if (!xadd->any_id && !parse_id(request_argument(request, i), 0, &xadd->id, &xadd->any_sequence))
        return ERROR_ID;
    uint32_t left = request->count - i - 1;
    if (left < 2 || left % 2)
        return "";
    if (!xadd->any_id && !xadd->any_sequence && !xadd->id.ms && !xadd->id.sequence)
        return "ERR The ID specified in XADD must be greater than 0-0";
    return NULL;
}

// The entry's id; false when there is none above the last.
static bool choose_id(const struct stream *stream, struct xadd *xadd) {
    struct stream_id last = {stream->last_ms, stream->last_sequence};
    if (xadd->any_id) {
        uint64_t now_ms = (uint64_t)store_now_ms();
        xadd->id = now_ms > last.ms ? (struct stream_id){now_ms, 0} : (struct stream_id){last.ms, last.sequence + 1};
        if (now_ms <= last.ms && last.sequence == UINT64_MAX)
            xadd->id = (struct stream_id){last.ms + 1, 0};
    } else if (xadd->any_sequence) {
        xadd->id.sequence = xadd->id.ms == last.ms ? last.sequence + 1 : 0;
        if (xadd->id.ms == last.ms && last.sequence == UINT64_MAX)
            return false;
    }
    return stream_compare(xadd->id, last) > 0;
}

static bool append(const struct request *request, struct stream *stream, const struct xadd *xadd) {
    size_t bytes = STREAM_ITEM_HEAD_BYTES;
    uint32_t strings = request->count - xadd->id_index - 1;
    for (uint32_t i = 0; i < strings; i++)
        bytes += sizeof(uint32_t) + request_argument(request, xadd->id_index + 1 + i).length;
    struct deque_item *item = deque_push(&stream->entries, false, NULL, bytes);
    if (!item)
        return false;
    char *out = item->bytes;
    memcpy(out, &xadd->id, sizeof(xadd->id));
    memcpy(out + sizeof(xadd->id), &strings, sizeof(strings));
    out += STREAM_ITEM_HEAD_BYTES;
    for (uint32_t i = 0; i < strings; i++) {
        struct span span = request_argument(request, xadd->id_index + 1 + i);
        uint32_t length = (uint32_t)span.length;
        memcpy(out, &length, sizeof(length));
        copy_data(out + sizeof(length), span.bytes, length);
        out += sizeof(length) + length;
    }
    stream->last_ms = xadd->id.ms;
    stream->last_sequence = xadd->id.sequence;
    return true;
}

void command_xadd(struct request *request) {
    struct xadd xadd;
    struct dict_entry *entry;
    const char *refusal = parse_xadd(request, &xadd);
    if (refusal) {
        if (*refusal)
            reply_error(request->reply, refusal);
        else
            request_arity(request);
        return;
    }
    if (!request_find(request, 1, TYPE_STREAM, &entry))
        return;
    if (!entry && !xadd.make) {
        reply_null(request->reply);
        return;
    }
    void *object = entry ? store_object(entry) : NULL;
    if (!entry && !request_object(request, 1, TYPE_STREAM, true, &object))
        return;
    struct stream *stream = object;
    bool fresh = !entry;
    if (!choose_id(stream, &xadd)) {
        reply_error(request->reply, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    } else if (append(request, stream, &xadd)) {
        while (xadd.trim && stream->entries.count > (size_t)xadd.longest)
            deque_pop(&stream->entries, true);
        char text[STREAM_ID_MAX];
        struct span id = {text, format(text, sizeof(text), "%lu-%lu", xadd.id.ms, xadd.id.sequence)};
        request_changed_but(request, xadd.id_index, id);
        reply_span(request->reply, id);
        return;
    } else {
        reply_memory(request->reply);
    }
    struct span key = request_argument(request, 1);
    if (fresh)
        store_delete(request->store, key.bytes, key.length);
}

void command_xlen(struct request *request) {
    void *stream;
    if (request_object(request, 1, TYPE_STREAM, false, &stream))
        reply_integer(request->reply, stream ? (int64_t)((struct stream *)stream)->entries.count : 0);
}

// An end of a range: "-", "+", or an id, with "(" exclusive. Becomes an inclusive one.
static const char *parse_end(struct span text, bool upper, struct stream_id *id) {
    if (text.length == 1 && (text.bytes[0] == '-' || text.bytes[0] == '+')) {
        *id = text.bytes[0] == '-' ? (struct stream_id){0, 0} : (struct stream_id){UINT64_MAX, UINT64_MAX};
        return NULL;
    }
    bool exclusive = text.length > 1 && text.bytes[0] == '(';
    if (exclusive)
        text = (struct span){text.bytes + 1, text.length - 1};
    if (!parse_id(text, upper ? UINT64_MAX : 0, id, NULL))
        return ERROR_ID;
    if (!exclusive)
        return NULL;
    if (upper) {
        if (!id->ms && !id->sequence)
            return "ERR invalid end ID for the interval";
        id->ms -= id->sequence == 0;
        id->sequence--;
    } else {
        if (id->ms == UINT64_MAX && id->sequence == UINT64_MAX)
            return "ERR invalid start ID for the interval";
        id->sequence++;
        id->ms += id->sequence == 0;
    }
    return NULL;
}

static void reply_entry(struct reply *reply, const struct deque_item *item) {
    uint32_t strings, length;
    const char *from = item->bytes + STREAM_ITEM_HEAD_BYTES;
    memcpy(&strings, from - sizeof(strings), sizeof(strings));
    reply_array(reply, 2);
    reply_id(reply, id_of(item));
    reply_array(reply, strings);
    for (; strings; strings--, from += sizeof(length) + length) {
        memcpy(&length, from, sizeof(length));
        reply_bulk(reply, from + sizeof(length), length);
    }
}

// The number of entries whose id is below id (at or below, when inclusive): they are sorted.
static size_t rank_of(const struct stream *stream, struct stream_id id, bool inclusive) {
    size_t rank = 0;
    for (const struct deque_chunk *chunk = stream->entries.head; chunk; chunk = chunk->next) {
        if (stream_compare(id_of(chunk->items[chunk->end - 1]), id) < inclusive) {
            rank += chunk->end - chunk->first;
            continue;
        }
        for (uint32_t i = chunk->first; stream_compare(id_of(chunk->items[i]), id) < inclusive; i++)
            rank++;
        break;
    }
    return rank;
}

// XRANGE, XREVRANGE
void command_xrange(struct request *request) {
    bool reverse = request->name[1] == 'r' && request->name[2] == 'e';
    struct stream_id low, high;
    int64_t most = -1;
    void *object;
    const char *refusal = parse_end(request_argument(request, reverse ? 3 : 2), false, &low);
    refusal = refusal ? refusal : parse_end(request_argument(request, reverse ? 2 : 3), true, &high);
    if (refusal) {
        reply_error(request->reply, refusal);
        return;
    }
    for (uint32_t i = 4; i < request->count; i += 2) {
        if (i + 1 == request->count || !request_is(request, i, "count")) {
            reply_error(request->reply, ERROR_SYNTAX);
            return;
        }
        if (!request_integer(request, i + 1, &most))
            return;
        most = most < 0 ? 0 : most;
    }
    if (!request_object(request, 1, TYPE_STREAM, false, &object))
        return;
    const struct stream *stream = object;
    if (most == 0 && stream) {
        reply_null_array(request->reply);
        return;
    }
    size_t first = stream ? rank_of(stream, low, false) : 0, end = stream ? rank_of(stream, high, true) : 0;
    size_t count = first < end ? end - first : 0;
    count = most >= 0 && (size_t)most < count ? (size_t)most : count;
    reply_array(request->reply, count);
    struct deque_place place = count ? deque_seek(&stream->entries, reverse ? end - 1 : first) : (struct deque_place){0};
    for (; count; count--, place = deque_step(place, reverse))
        reply_entry(request->reply, deque_at(place));
}
