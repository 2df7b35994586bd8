// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// keys.c - the commands that do not care about the type. Source: Redis 7.0, db.c, expire.c.
#include "commands.h"
#include "format.h"
#include "glob.h"
#include "number.h"

static const char *const type_names[] = {"string", "list", "set", "zset", "hash", "stream"};

static struct dict_entry *find(const struct request *request, uint32_t index) {
    struct span key = request_argument(request, index);
    return store_find(request->store, key.bytes, key.length);
}

// DEL, UNLINK
void command_del(struct request *request) {
    int64_t deleted = 0;
    for (uint32_t i = 1; i < request->count; i++) {
        struct span key = request_argument(request, i);
        deleted += store_delete(request->store, key.bytes, key.length);
    }
    if (deleted)
        request_changed(request);
    reply_integer(request->reply, deleted);
}

void command_exists(struct request *request) {
    int64_t count = 0;
    for (uint32_t i = 1; i < request->count; i++)
        count += find(request, i) != NULL;
    reply_integer(request->reply, count);
}

void command_type(struct request *request) {
    const struct dict_entry *entry = find(request, 1);
    reply_text(request->reply, "+");
    reply_text(request->reply, entry ? type_names[entry->type] : "none");
    reply_text(request->reply, "\r\n");
}

enum { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

static bool expire_flags(const struct request *request, int *flags) {
    static const char *const words[] = {"nx", "xx", "gt", "lt"};
    *flags = 0;
    for (uint32_t i = 3; i < request->count; i++) {
        unsigned word = 0;
        while (word < 4 && !request_is(request, i, words[word]))
            word++;
        if (word == 4) {
            char text[100];
            struct span span = request_argument(request, i);
            format(text, sizeof(text), "ERR Unsupported option %.*s", (int)(span.length < 64 ? span.length : 64), span.bytes);
            for (char *c = text; *c; c++)
                *c = *c == '\r' || *c == '\n' ? ' ' : *c;
            reply_error(request->reply, text);
            return false;
        }
        *flags |= 1 << word;
    }
    const char *refusal = NULL;
    if (*flags & EXPIRE_NX && *flags & (EXPIRE_XX | EXPIRE_GT | EXPIRE_LT))
        refusal = "ERR NX and XX, GT or LT options at the same time are not compatible";
    else if (*flags & EXPIRE_GT && *flags & EXPIRE_LT)
        refusal = "ERR GT and LT options at the same time are not compatible";
    if (refusal)
        reply_error(request->reply, refusal);
    return !refusal;
}

// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT
void command_expire(struct request *request) {
    bool milliseconds = request->name[0] == 'p', absolute = request->name[6 + milliseconds] != 0;
    int64_t end_ms;
    int flags;
    if (!expire_flags(request, &flags) || !expiry_of(request, 2, !milliseconds, absolute, false, &end_ms))
        return;
    struct dict_entry *entry = find(request, 1);
    bool refused = !entry;
    if (entry) {
        int64_t now = entry->expires_ms;
        refused = (flags & EXPIRE_NX && now) || (flags & EXPIRE_XX && !now) || (flags & EXPIRE_GT && (!now || end_ms <= now)) ||
                  (flags & EXPIRE_LT && now && end_ms >= now);
    }
    struct span key = request_argument(request, 1);
    char text[NUMBER_MAX];
    const struct span effect[] = {SPAN("PEXPIREAT"), key, {text, number_text(end_ms, text)}};
    const struct span removal[] = {SPAN("DEL"), key};
    if (!refused && end_ms <= store_now_ms() && !request->store->is_loading) {
        store_delete(request->store, key.bytes, key.length);
        request_changed_as(request, removal, 2);
    } else if (!refused) {
        store_expire(request->store, entry, end_ms);
        request_changed_as(request, effect, 3);
    }
    reply_integer(request->reply, !refused);
}

// TTL, PTTL
void command_ttl(struct request *request) {
    const struct dict_entry *entry = find(request, 1);
    int64_t left_ms = entry && entry->expires_ms ? entry->expires_ms - store_now_ms() : 0;
    left_ms = left_ms < 0 ? 0 : left_ms;
    if (!entry || !entry->expires_ms)
        reply_integer(request->reply, entry ? -1 : -2);
    else
        reply_integer(request->reply, request->name[0] == 'p' ? left_ms : (left_ms + 500) / 1000);
}

void command_persist(struct request *request) {
    struct dict_entry *entry = find(request, 1);
    bool had = entry && entry->expires_ms;
    if (had) {
        store_expire(request->store, entry, 0);
        request_changed(request);
    }
    reply_integer(request->reply, had);
}

void command_keys(struct request *request) {
    struct span pattern = request_argument(request, 1);
    int64_t now_ms = store_now_ms();
    const struct dict *keys = &request->store->keys;
    size_t matches = 0;
    for (unsigned pass = 0; pass < 2; pass++) { // the count comes first
        size_t place = 0;
        for (struct dict_entry *entry = NULL; (entry = dict_next(keys, &place, entry));) {
            if (store_is_over(entry, now_ms) || !glob_matches(pattern.bytes, pattern.length, entry->bytes, entry->key_bytes))
                continue;
            if (pass)
                reply_bulk(request->reply, entry->bytes, entry->key_bytes);
            else
                matches++;
        }
        if (!pass)
            reply_array(request->reply, matches);
    }
}

struct scan {
    struct reply reply;          // the keys, until their number is known
    struct buffer buffer;
    struct span pattern;
    int64_t now_ms;
    size_t seen, found;
    int type;
};

static void scan_entry(void *context, struct dict_entry *entry) {
    struct scan *scan = context;
    scan->seen++;
    if (store_is_over(entry, scan->now_ms) || (scan->type >= 0 && entry->type != scan->type) ||
        (scan->pattern.bytes && !glob_matches(scan->pattern.bytes, scan->pattern.length, entry->bytes, entry->key_bytes)))
        return;
    reply_bulk(&scan->reply, entry->bytes, entry->key_bytes);
    scan->found++;
}

static bool scan_options(const struct request *request, struct scan *scan, int64_t *count) {
    scan->type = -1;
    for (uint32_t i = 2; i < request->count; i += 2) {
        bool pair = i + 1 < request->count;
        if (pair && request_is(request, i, "count")) {
            if (!request_integer(request, i + 1, count))
                return false;
            if (*count < 1) {
                reply_error(request->reply, ERROR_SYNTAX);
                return false;
            }
        } else if (pair && request_is(request, i, "match")) {
            scan->pattern = request_argument(request, i + 1);
        } else if (pair && request_is(request, i, "type")) {
            scan->type = TYPE_COUNT; // an unknown one matches nothing
            for (int type = 0; type < TYPE_COUNT; type++)
                if (request_is(request, i + 1, type_names[type]))
                    scan->type = type;
        } else {
            reply_error(request->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

void command_scan(struct request *request) {
    struct scan scan = {.now_ms = store_now_ms()};
    struct span text = request_argument(request, 1);
    int64_t count = 10;
    uint64_t cursor = 0;
    bool good = text.length > 0;
    for (size_t i = 0; i < text.length; i++)
        good &= text.bytes[i] >= '0' && text.bytes[i] <= '9' && !__builtin_mul_overflow(cursor, 10, &cursor) &&
                !__builtin_add_overflow(cursor, (uint64_t)(text.bytes[i] - '0'), &cursor);
    if (!good) {
        reply_error(request->reply, "ERR invalid cursor");
        return;
    }
    if (!scan_options(request, &scan, &count))
        return;
    scan.reply = (struct reply){.waiting = &scan.buffer, .limit = request->reply->limit};
    uint64_t buckets = (uint64_t)count > UINT64_MAX / 20 ? UINT64_MAX : (uint64_t)count * 10; // as Redis: mostly empty buckets
    do
        cursor = dict_scan(&request->store->keys, cursor, scan_entry, &scan);
    while (cursor && --buckets && scan.seen < (size_t)count);
    char number[24];
    reply_array(request->reply, 2);
    reply_bulk(request->reply, number, format(number, sizeof(number), "%lu", cursor));
    reply_array(request->reply, scan.found);
    reply_bytes(request->reply, buffer_bytes(&scan.buffer) ? buffer_first(&scan.buffer) : "", buffer_bytes(&scan.buffer));
    request->reply->failed |= scan.reply.failed;
    heap_free(scan.buffer.bytes);
}

void command_dbsize(struct request *request) { reply_integer(request->reply, (int64_t)store_count(request->store)); }

void command_randomkey(struct request *request) {
    const struct dict_entry *entry = dict_random(&request->store->keys, store_random(request->store));
    if (entry && !store_is_over(entry, store_now_ms()))
        reply_bulk(request->reply, entry->bytes, entry->key_bytes);
    else
        reply_null(request->reply);
}

// FLUSHALL, FLUSHDB
void command_flush(struct request *request) {
    if (request->count > 2 || (request->count == 2 && !request_is(request, 1, "sync") && !request_is(request, 1, "async"))) {
        reply_error(request->reply, ERROR_SYNTAX);
        return;
    }
    store_clear(request->store);
    request_changed(request);
    reply_ok(request->reply);
}
