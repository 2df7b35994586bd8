// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// request.c - see request.h.
#include "format.h"
#include "request.h"
#include "string.h"

bool request_is(const struct request *request, uint32_t index, const char *word) {
    struct span span = request_argument(request, index);
    if (span.length != strlen(word))
        return false;
    for (size_t i = 0; i < span.length; i++) {
        char character = span.bytes[i];
        if ((character >= 'A' && character <= 'Z' ? character | 0x20 : character) != word[i])
            return false;
    }
    return true;
}

bool request_integer(const struct request *request, uint32_t index, int64_t *value) {
    struct span span = request_argument(request, index);
    bool good = resp_integer(span.bytes, span.length, value);
    if (!good)
        reply_error(request->reply, ERROR_INTEGER);
    return good;
}

bool request_count(const struct request *request, uint32_t index, size_t *count) {
    int64_t value = 1;
    if (index < request->count) {
        struct span span = request_argument(request, index);
        if (!resp_integer(span.bytes, span.length, &value) || value < 0) {
            reply_error(request->reply, "ERR value is out of range, must be positive");
            return false;
        }
    }
    *count = (size_t)value;
    return true;
}

bool request_find(const struct request *request, uint32_t index, enum type type, struct dict_entry **entry) {
    struct span key = request_argument(request, index);
    *entry = store_find(request->store, key.bytes, key.length);
    if (!*entry || (*entry)->type == type)
        return true;
    reply_error(request->reply, ERROR_TYPE);
    return false;
}

bool request_object(const struct request *request, uint32_t index, enum type type, bool create, void **object) {
    struct dict_entry *entry;
    *object = NULL;
    if (!request_find(request, index, type, &entry))
        return false;
    if (entry) {
        *object = store_object(entry);
    } else if (create) {
        struct span key = request_argument(request, index);
        *object = store_create(request->store, key.bytes, key.length, type);
        if (!*object)
            reply_memory(request->reply);
    }
    return *object || !create;
}

void request_settle(const struct request *request, uint32_t index) {
    struct span key = request_argument(request, index);
    struct dict_entry *entry = store_find(request->store, key.bytes, key.length);
    if (entry && entry->type != TYPE_STRING && entry->type != TYPE_STREAM && !store_length(entry))
        store_delete(request->store, key.bytes, key.length);
}

void request_range(int64_t start, int64_t stop, size_t count, size_t *first, size_t *end) {
    int64_t length = (int64_t)count;
    start = start < 0 ? start + length : start;
    stop = stop < 0 ? stop + length : stop;
    start = start < 0 ? 0 : start;
    stop = stop >= length ? length - 1 : stop;
    *first = start > stop ? 0 : (size_t)start;
    *end = start > stop ? 0 : (size_t)stop + 1;
}

void request_changed_but(struct request *request, uint32_t index, struct span text) {
    struct journal *journal = &request->store->journal;
    request->change = CHANGE_LOGGED;
    if (!journal->is_on)
        return;
    journal_begin(journal, request->count);
    for (uint32_t i = 0; i < request->count; i++) {
        struct span word = i == index ? text : request_argument(request, i);
        journal_word(journal, word.bytes, word.length);
    }
}

void request_changed_as(struct request *request, const struct span *words, uint32_t count) {
    struct journal *journal = &request->store->journal;
    request->change = CHANGE_LOGGED;
    if (!journal->is_on)
        return;
    journal_begin(journal, count);
    for (uint32_t i = 0; i < count; i++)
        journal_word(journal, words[i].bytes, words[i].length);
}

void request_arity(const struct request *request) {
    char text[80];
    format(text, sizeof(text), "ERR wrong number of arguments for '%s' command", request->name);
    reply_error(request->reply, text);
}

void request_unknown_subcommand(const struct request *request) {
    char text[300], name[24];
    struct span span = request_argument(request, 1);
    size_t length = span.length < 128 ? span.length : 128, i = 0;
    for (; request->name[i] && i < sizeof(name) - 1; i++)
        name[i] = (char)(request->name[i] & ~0x20);
    name[i] = 0;
    format(text, sizeof(text), "ERR unknown subcommand '%.*s'. Try %s HELP.", (int)length, span.bytes, name);
    for (char *c = text; *c; c++)
        *c = *c == '\r' || *c == '\n' ? ' ' : *c;
    reply_error(request->reply, text);
}
