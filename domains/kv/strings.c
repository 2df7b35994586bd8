// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strings.c - the commands of strings. Source: Redis 7.0, t_string.c.
#include "commands.h"
#include "copy.h"
#include "format.h"
#include "number.h"
#include "string.h"

#define STRING_MAX RESP_BULK_MAX

enum { SET_NX = 1, SET_XX = 2, SET_GET = 4, SET_KEEPTTL = 8, SET_EX = 16, SET_PX = 32, SET_EXAT = 64, SET_PXAT = 128 };
#define SET_ENDS (SET_EX | SET_PX | SET_EXAT | SET_PXAT)

// Milliseconds since 1970 at which a key ends, from argument index; false: the error is sent.
bool expiry_of(const struct request *request, uint32_t index, bool seconds, bool absolute, bool positive, int64_t *end_ms) {
    int64_t value;
    if (!request_integer(request, index, &value))
        return false;
    if ((positive && value <= 0) || (seconds && __builtin_mul_overflow(value, 1000, &value)) ||
        (!absolute && __builtin_add_overflow(value, store_now_ms(), &value))) {
        char text[64];
        format(text, sizeof(text), "ERR invalid expire time in '%s' command", request->name);
        reply_error(request->reply, text);
        return false;
    }
    *end_ms = value;
    return true;
}

// key has the value, and ends at end_ms (0: never, or, with keep, when it did before), whatever the request said.
__attribute__((noinline)) static void changed_to(struct request *request, struct span value, int64_t end_ms, bool keep) {
    char text[NUMBER_MAX];
    const struct span words[] = {SPAN("SET"), request_argument(request, 1), value, keep ? SPAN("KEEPTTL") : SPAN("PXAT"),
                                 {text, number_text(end_ms, text)}};
    request_changed_as(request, words, keep ? 4 : end_ms ? 5 : 3);
}

static bool put(const struct request *request, uint32_t key_index, uint32_t value_index, bool keep) {
    struct span key = request_argument(request, key_index), value = request_argument(request, value_index);
    bool done = store_put(request->store, key.bytes, key.length, value.bytes, value.length, keep) == 0;
    if (!done)
        reply_memory(request->reply);
    return done;
}

static void put_with_end(struct request *request, uint32_t value_index, int64_t end_ms) {
    struct span key = request_argument(request, 1);
    if (!put(request, 1, value_index, false))
        return;
    struct dict_entry *entry = store_find(request->store, key.bytes, key.length);
    if (entry)
        store_expire(request->store, entry, end_ms);
    changed_to(request, request_argument(request, value_index), end_ms, false);
    reply_ok(request->reply);
}

// A value that others can write is read once, into the store: the log gets it from there.
__attribute__((noinline)) static void shared_changed(struct request *request, struct span key) {
    size_t bytes;
    const char *value = store_get(request->store, key.bytes, key.length, &bytes);
    const struct span words[] = {SPAN("SET"), key, {value, bytes}};
    request_changed_as(request, words, 3);
}

static void set_plain(struct request *request) {
    char small[256], *copy = small;
    struct span key = request_argument(request, 1), value = request_argument(request, 2);
    if (request->is_shared) {
        if (key.length > sizeof(small) && !(copy = heap_alloc(key.length))) {
            reply_memory(request->reply);
            return;
        }
        memcpy(copy, key.bytes, key.length);
        key.bytes = copy;
    }
    if (store_set(request->store, key.bytes, key.length, value.bytes, value.length) == 0) {
        if (request->is_shared)
            shared_changed(request, key);
        else
            request_changed(request);
        reply_ok(request->reply);
    } else {
        reply_memory(request->reply);
    }
    if (copy != small)
        heap_free(copy);
}

static int set_flags(const struct request *request, uint32_t *end_index) {
    static const struct {
        const char *word;
        int flag, excludes;
        bool value;
    } options[] = {{"nx", SET_NX, SET_XX, false}, {"xx", SET_XX, SET_NX, false}, {"get", SET_GET, 0, false},
                   {"keepttl", SET_KEEPTTL, SET_ENDS, false},
                   {"ex", SET_EX, SET_KEEPTTL | (SET_ENDS & ~SET_EX), true},
                   {"px", SET_PX, SET_KEEPTTL | (SET_ENDS & ~SET_PX), true},
                   {"exat", SET_EXAT, SET_KEEPTTL | (SET_ENDS & ~SET_EXAT), true},
                   {"pxat", SET_PXAT, SET_KEEPTTL | (SET_ENDS & ~SET_PXAT), true}}; // as Redis: the same one twice is fine
    int flags = 0;
    for (uint32_t i = 3; i < request->count; i++) {
        size_t option = 0, count = sizeof(options) / sizeof(*options);
        while (option < count && !request_is(request, i, options[option].word))
            option++;
        if (option == count || (flags & options[option].excludes) || (options[option].value && i + 1 == request->count))
            return -1;
        flags |= options[option].flag;
        if (options[option].value)
            *end_index = ++i;
    }
    return flags;
}

void command_set(struct request *request) {
    uint32_t end_index = 0;
    int64_t end_ms = 0;
    if (request->count == 3) {
        set_plain(request);
        return;
    }
    int flags = set_flags(request, &end_index);
    if (flags < 0) {
        reply_error(request->reply, ERROR_SYNTAX);
        return;
    }
    if (end_index && !expiry_of(request, end_index, flags & (SET_EX | SET_EXAT), flags & (SET_EXAT | SET_PXAT), true, &end_ms))
        return;
    struct span key = request_argument(request, 1), value = request_argument(request, 2);
    struct dict_entry *entry = store_find(request->store, key.bytes, key.length);
    if (flags & SET_GET && entry && entry->type != TYPE_STRING) {
        reply_error(request->reply, ERROR_TYPE);
        return;
    }
    bool refused = (flags & SET_NX && entry) || (flags & SET_XX && !entry);
    char *old = NULL;
    size_t old_bytes = entry ? entry->value_bytes : 0;
    if (flags & SET_GET && entry && !(old = heap_alloc(old_bytes))) { // the answer comes after what may fail
        reply_memory(request->reply);
        return;
    }
    if (old)
        copy_data(old, dict_value(entry), old_bytes);
    if (!refused && store_put(request->store, key.bytes, key.length, value.bytes, value.length, flags & SET_KEEPTTL) < 0) {
        reply_memory(request->reply);
    } else {
        entry = end_ms && !refused ? store_find(request->store, key.bytes, key.length) : NULL;
        if (entry)
            store_expire(request->store, entry, end_ms);
        if (!refused)
            changed_to(request, value, end_ms, flags & SET_KEEPTTL);
        if (old)
            reply_bulk(request->reply, old, old_bytes);
        else if (flags & SET_GET || refused)
            reply_null(request->reply);
        else
            reply_ok(request->reply);
    }
    heap_free(old);
}

void command_setex(struct request *request) {
    int64_t end_ms;
    if (expiry_of(request, 2, request->name[0] == 's', false, true, &end_ms))
        put_with_end(request, 3, end_ms);
}

void command_setnx(struct request *request) {
    struct span key = request_argument(request, 1);
    if (store_find(request->store, key.bytes, key.length)) {
        reply_integer(request->reply, 0);
    } else if (put(request, 1, 2, false)) {
        request_changed(request);
        reply_integer(request->reply, 1);
    }
}

void command_get(struct request *request) {
    struct dict_entry *entry;
    if (!request_find(request, 1, TYPE_STRING, &entry))
        return;
    if (entry)
        reply_bulk(request->reply, dict_value(entry), entry->value_bytes);
    else
        reply_null(request->reply);
}

void command_getdel(struct request *request) {
    struct dict_entry *entry;
    struct span key = request_argument(request, 1);
    if (!request_find(request, 1, TYPE_STRING, &entry))
        return;
    command_get(request);
    if (!entry)
        return;
    const struct span effect[] = {SPAN("DEL"), key};
    store_delete(request->store, key.bytes, key.length);
    request_changed_as(request, effect, 2);
}

void command_getset(struct request *request) {
    struct dict_entry *entry;
    if (!request_find(request, 1, TYPE_STRING, &entry))
        return;
    size_t bytes = entry ? entry->value_bytes : 0;
    char *old = heap_alloc(bytes);
    if (!old) {
        reply_memory(request->reply);
        return;
    }
    if (entry)
        copy_data(old, dict_value(entry), bytes);
    if (put(request, 1, 2, false)) {
        changed_to(request, request_argument(request, 2), 0, false);
        if (entry)
            reply_bulk(request->reply, old, bytes);
        else
            reply_null(request->reply);
    }
    heap_free(old);
}

void command_mget(struct request *request) {
    reply_array(request->reply, request->count - 1);
    for (uint32_t i = 1; i < request->count; i++) {
        struct span key = request_argument(request, i);
        size_t bytes;
        const char *value = store_get(request->store, key.bytes, key.length, &bytes);
        if (value)
            reply_bulk(request->reply, value, bytes);
        else
            reply_null(request->reply);
    }
}

void command_mset(struct request *request) {
    if (request->count % 2 == 0) {
        request_arity(request);
        return;
    }
    for (uint32_t i = 1; i < request->count; i += 2)
        if (!put(request, i, i + 1, false)) {
            request_stopped(request, i, 1);
            return;
        }
    request_changed(request);
    reply_ok(request->reply);
}

void command_strlen(struct request *request) {
    struct dict_entry *entry;
    if (request_find(request, 1, TYPE_STRING, &entry))
        reply_integer(request->reply, entry ? entry->value_bytes : 0);
}

void command_append(struct request *request) {
    struct dict_entry *entry;
    struct span key = request_argument(request, 1), more = request_argument(request, 2);
    if (!request_find(request, 1, TYPE_STRING, &entry))
        return;
    size_t old = entry ? entry->value_bytes : 0, total = old + more.length;
    if (total > STRING_MAX) {
        reply_error(request->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    bool fits = entry && entry->room - entry->key_bytes >= total;
    if (fits) {
        entry->value_bytes = (uint32_t)total;
    } else { // a quarter more, so that a row of appends costs what it adds
        size_t room = total + total / 4;
        char *joined = heap_alloc(old);
        if (joined && entry)
            copy_data(joined, dict_value(entry), old);
        if (!joined || store_put(request->store, key.bytes, key.length, NULL, room, true) < 0) {
            heap_free(joined);
            reply_memory(request->reply);
            return;
        }
        entry = store_find(request->store, key.bytes, key.length);
        if (entry) {
            copy_data(dict_value(entry), joined, old);
            entry->value_bytes = (uint32_t)total;
        }
        heap_free(joined);
    }
    if (entry) { // it could have ended meanwhile, and the log says so
        copy_data(dict_value(entry) + old, more.bytes, more.length);
        request_changed(request);
    }
    reply_integer(request->reply, (int64_t)total);
}

void command_getrange(struct request *request) {
    struct dict_entry *entry;
    int64_t start, stop;
    if (!request_integer(request, 2, &start) || !request_integer(request, 3, &stop) ||
        !request_find(request, 1, TYPE_STRING, &entry))
        return;
    int64_t length = entry ? entry->value_bytes : 0;
    if (start < 0 && stop < 0 && start > stop)
        length = 0;
    start = start < 0 ? start + length : start;
    stop = stop < 0 ? stop + length : stop;
    start = start < 0 ? 0 : start;
    stop = stop < 0 ? 0 : stop;
    stop = stop >= length ? length - 1 : stop;
    if (!length || start > stop)
        reply_bulk(request->reply, "", 0);
    else
        reply_bulk(request->reply, dict_value(entry) + start, (size_t)(stop - start + 1));
}
