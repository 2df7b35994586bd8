// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hashes.c - the commands of hashes. Source: Redis 7.0, t_hash.c.
#include "commands.h"
#include "number.h"

static void reply_value(struct reply *reply, struct dict_entry *entry) {
    if (entry)
        reply_bulk(reply, dict_value(entry), entry->value_bytes);
    else
        reply_null(reply);
}

void command_hset(struct request *request) {
    void *hash;
    int64_t added = 0;
    if (request->count % 2) {
        request_arity(request);
        return;
    }
    if (!request_object(request, 1, TYPE_HASH, true, &hash))
        return;
    for (uint32_t i = 2; i < request->count; i += 2) {
        struct span field = request_argument(request, i), value = request_argument(request, i + 1);
        struct dict_slot slot = dict_find(hash, field.bytes, field.length);
        bool fresh = !slot.link;
        if (!dict_put(hash, slot, field.bytes, field.length, value.bytes, value.length)) {
            request_stopped(request, i, 2);
            request_settle(request, 1);
            reply_memory(request->reply);
            return;
        }
        added += fresh;
    }
    request_changed(request);
    if (request->name[1] == 'm') // HMSET
        reply_ok(request->reply);
    else
        reply_integer(request->reply, added);
}

void command_hsetnx(struct request *request) {
    void *hash;
    struct span field = request_argument(request, 2), value = request_argument(request, 3);
    if (!request_object(request, 1, TYPE_HASH, true, &hash))
        return;
    struct dict_slot slot = dict_find(hash, field.bytes, field.length);
    if (slot.link) {
        reply_integer(request->reply, 0);
    } else if (dict_put(hash, slot, field.bytes, field.length, value.bytes, value.length)) {
        request_changed(request);
        reply_integer(request->reply, 1);
    } else {
        request_settle(request, 1);
        reply_memory(request->reply);
    }
}

static struct dict_entry *get(const struct request *request, void *hash, uint32_t index) {
    struct span field = request_argument(request, index);
    return hash ? dict_get(hash, field.bytes, field.length) : NULL;
}

void command_hget(struct request *request) {
    void *hash;
    if (request_object(request, 1, TYPE_HASH, false, &hash))
        reply_value(request->reply, get(request, hash, 2));
}

void command_hmget(struct request *request) {
    void *hash;
    if (!request_object(request, 1, TYPE_HASH, false, &hash))
        return;
    reply_array(request->reply, request->count - 2);
    for (uint32_t i = 2; i < request->count; i++)
        reply_value(request->reply, get(request, hash, i));
}

void command_hexists(struct request *request) {
    void *hash;
    if (request_object(request, 1, TYPE_HASH, false, &hash))
        reply_integer(request->reply, get(request, hash, 2) != NULL);
}

void command_hstrlen(struct request *request) {
    void *hash;
    if (!request_object(request, 1, TYPE_HASH, false, &hash))
        return;
    const struct dict_entry *entry = get(request, hash, 2);
    reply_integer(request->reply, entry ? entry->value_bytes : 0);
}

void command_hlen(struct request *request) {
    void *hash;
    if (request_object(request, 1, TYPE_HASH, false, &hash))
        reply_integer(request->reply, hash ? (int64_t)dict_count(hash) : 0);
}

void command_hdel(struct request *request) {
    void *hash;
    int64_t removed = 0;
    if (!request_object(request, 1, TYPE_HASH, false, &hash))
        return;
    for (uint32_t i = 2; hash && i < request->count; i++) {
        struct span field = request_argument(request, i);
        struct dict_slot slot = dict_find(hash, field.bytes, field.length);
        if (slot.link) {
            dict_remove(hash, slot);
            removed++;
        }
    }
    if (removed)
        request_changed(request);
    request_settle(request, 1);
    reply_integer(request->reply, removed);
}

// HGETALL, HKEYS, HVALS
void command_hgetall(struct request *request) {
    void *hash;
    bool names = request->name[1] != 'v', values = request->name[1] != 'k';
    size_t place = 0;
    if (!request_object(request, 1, TYPE_HASH, false, &hash))
        return;
    reply_array(request->reply, hash ? dict_count(hash) * (size_t)(names + values) : 0);
    for (struct dict_entry *entry = NULL; hash && (entry = dict_next(hash, &place, entry));) {
        if (names)
            reply_bulk(request->reply, entry->bytes, entry->key_bytes);
        if (values)
            reply_value(request->reply, entry);
    }
}

void command_hincrby(struct request *request) {
    void *hash;
    int64_t by, value = 0;
    char text[NUMBER_MAX];
    struct span field = request_argument(request, 2);
    if (!request_integer(request, 3, &by) || !request_object(request, 1, TYPE_HASH, true, &hash))
        return;
    struct dict_slot slot = dict_find(hash, field.bytes, field.length);
    struct dict_entry *entry = dict_entry(slot);
    if (entry && !resp_integer(dict_value(entry), entry->value_bytes, &value)) {
        reply_error(request->reply, "ERR hash value is not an integer");
    } else if (__builtin_add_overflow(value, by, &value)) {
        reply_error(request->reply, ERROR_OVERFLOW);
    } else if (dict_put(hash, slot, field.bytes, field.length, text, number_text(value, text))) {
        request_changed(request);
        reply_integer(request->reply, value);
    } else {
        request_settle(request, 1);
        reply_memory(request->reply);
    }
}
