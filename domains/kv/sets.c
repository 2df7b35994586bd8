// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// sets.c - the commands of sets. Source: Redis 7.0, t_set.c.
#include "commands.h"

static void reply_name(struct reply *reply, const struct dict_entry *entry) { reply_bulk(reply, entry->bytes, entry->key_bytes); }

void command_sadd(struct request *request) {
    void *set;
    int64_t added = 0;
    if (!request_object(request, 1, TYPE_SET, true, &set))
        return;
    for (uint32_t i = 2; i < request->count; i++) {
        struct span member = request_argument(request, i);
        struct dict_slot slot = dict_find(set, member.bytes, member.length);
        if (slot.link)
            continue;
        if (!dict_put(set, slot, member.bytes, member.length, "", 0)) {
            request_stopped(request, i, 2);
            request_settle(request, 1);
            reply_memory(request->reply);
            return;
        }
        added++;
    }
    if (added)
        request_changed(request);
    reply_integer(request->reply, added);
}

void command_srem(struct request *request) {
    void *set;
    int64_t removed = 0;
    if (!request_object(request, 1, TYPE_SET, false, &set))
        return;
    for (uint32_t i = 2; set && i < request->count; i++) {
        struct span member = request_argument(request, i);
        struct dict_slot slot = dict_find(set, member.bytes, member.length);
        if (slot.link) {
            dict_remove(set, slot);
            removed++;
        }
    }
    if (removed)
        request_changed(request);
    request_settle(request, 1);
    reply_integer(request->reply, removed);
}

void command_sismember(struct request *request) {
    void *set;
    struct span member = request_argument(request, 2);
    if (request_object(request, 1, TYPE_SET, false, &set))
        reply_integer(request->reply, set && dict_get(set, member.bytes, member.length));
}

void command_scard(struct request *request) {
    void *set;
    if (request_object(request, 1, TYPE_SET, false, &set))
        reply_integer(request->reply, set ? (int64_t)dict_count(set) : 0);
}

static void reply_members(struct reply *reply, const struct dict *set) {
    size_t place = 0;
    reply_array(reply, dict_count(set));
    for (struct dict_entry *entry = NULL; (entry = dict_next(set, &place, entry));)
        reply_name(reply, entry);
}

void command_smembers(struct request *request) {
    void *set;
    if (!request_object(request, 1, TYPE_SET, false, &set))
        return;
    if (set)
        reply_members(request->reply, set);
    else
        reply_array(request->reply, 0);
}

static void pop_one(struct request *request, struct dict *set) {
    struct dict_entry *entry = dict_random(set, store_random(request->store));
    const struct span effect[] = {SPAN("SREM"), request_argument(request, 1), {entry->bytes, entry->key_bytes}};
    request_changed_as(request, effect, 3);
    reply_name(request->reply, entry);
    dict_remove(set, dict_find(set, entry->bytes, entry->key_bytes));
}

void command_spop(struct request *request) {
    void *set;
    size_t wanted;
    bool many = request->count == 3;
    if (request->count > 3) {
        reply_error(request->reply, ERROR_SYNTAX);
        return;
    }
    if (!request_count(request, 2, &wanted) || !request_object(request, 1, TYPE_SET, false, &set))
        return;
    size_t count = !set ? 0 : wanted < dict_count(set) ? wanted : dict_count(set);
    if (many)
        reply_array(request->reply, count);
    else if (!set)
        reply_null(request->reply);
    for (; count; count--)
        pop_one(request, set);
    request_settle(request, 1);
}

// count different members. Robert Floyd's choice would need a set of its own; one pass that takes each of the remaining with the
// right chance needs nothing.
static void reply_different(const struct request *request, const struct dict *set, size_t count) {
    size_t place = 0, left = dict_count(set);
    reply_array(request->reply, count);
    for (struct dict_entry *entry = NULL; count && (entry = dict_next(set, &place, entry)); left--)
        if (store_random(request->store) % left < count) {
            reply_name(request->reply, entry);
            count--;
        }
}

void command_srandmember(struct request *request) {
    void *set;
    int64_t wanted = 0;
    if (request->count > 3) {
        reply_error(request->reply, ERROR_SYNTAX);
        return;
    }
    if (request->count == 3 && !request_integer(request, 2, &wanted))
        return;
    if (wanted < -INT64_MAX / 2) {
        reply_error(request->reply, "ERR value is out of range");
        return;
    }
    if (!request_object(request, 1, TYPE_SET, false, &set))
        return;
    if (request->count == 2) {
        if (set)
            reply_name(request->reply, dict_random(set, store_random(request->store)));
        else
            reply_null(request->reply);
    } else if (!set || wanted >= 0) {
        size_t count = !set ? 0 : (size_t)wanted < dict_count(set) ? (size_t)wanted : dict_count(set);
        if (set)
            reply_different(request, set, count);
        else
            reply_array(request->reply, 0);
    } else {
        reply_array(request->reply, (size_t)-wanted);
        for (; wanted && !request->reply->failed; wanted++)
            reply_name(request->reply, dict_random(set, store_random(request->store)));
    }
}
