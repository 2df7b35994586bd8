// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lists.c - the commands of lists. Source: Redis 7.0, t_list.c.
#include "commands.h"

void command_push(struct request *request) {
    bool at_head = request->name[0] == 'l', only_if_there = request->name[5] == 'x';
    void *object;
    if (!request_object(request, 1, TYPE_LIST, !only_if_there, &object))
        return;
    struct deque *list = object;
    for (uint32_t i = 2; list && i < request->count; i++) {
        struct span item = request_argument(request, i);
        if (!deque_push(list, at_head, item.bytes, item.length)) {
            request_stopped(request, i, 2);
            request_settle(request, 1);
            reply_memory(request->reply);
            return;
        }
    }
    if (list)
        request_changed(request);
    reply_integer(request->reply, list ? (int64_t)list->count : 0);
}

static void reply_item(struct reply *reply, const struct deque_item *item) { reply_bulk(reply, item->bytes, item->length); }

void command_pop(struct request *request) {
    bool at_head = request->name[0] == 'l';
    void *object;
    size_t wanted;
    if (request->count > 3) {
        request_arity(request);
        return;
    }
    if (!request_count(request, 2, &wanted) || !request_object(request, 1, TYPE_LIST, false, &object))
        return;
    struct deque *list = object;
    if (!list) {
        if (request->count == 3)
            reply_null_array(request->reply);
        else
            reply_null(request->reply);
        return;
    }
    size_t count = wanted < list->count ? wanted : list->count;
    if (request->count == 3)
        reply_array(request->reply, count);
    if (count)
        request_changed(request);
    for (; count; count--) {
        reply_item(request->reply, deque_end(list, at_head));
        deque_pop(list, at_head);
    }
    request_settle(request, 1);
}

void command_llen(struct request *request) {
    void *object;
    if (request_object(request, 1, TYPE_LIST, false, &object))
        reply_integer(request->reply, object ? (int64_t)((struct deque *)object)->count : 0);
}

void command_lrange(struct request *request) {
    int64_t start, stop;
    void *object;
    size_t first, end;
    if (!request_integer(request, 2, &start) || !request_integer(request, 3, &stop) ||
        !request_object(request, 1, TYPE_LIST, false, &object))
        return;
    struct deque *list = object;
    request_range(start, stop, list ? list->count : 0, &first, &end);
    reply_array(request->reply, end - first);
    struct deque_place place = first < end ? deque_seek(list, first) : (struct deque_place){0};
    for (; first < end; first++, place = deque_step(place, false))
        reply_item(request->reply, deque_at(place));
}

void command_lindex(struct request *request) {
    struct dict_entry *entry;
    int64_t index;
    if (!request_find(request, 1, TYPE_LIST, &entry))
        return;
    if (!entry) {
        reply_null(request->reply);
        return;
    }
    if (!request_integer(request, 2, &index))
        return;
    struct deque *list = store_object(entry);
    index += index < 0 ? (int64_t)list->count : 0;
    const struct deque_item *item = index < 0 ? NULL : deque_at(deque_seek(list, (size_t)index));
    if (item)
        reply_item(request->reply, item);
    else
        reply_null(request->reply);
}
