// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// counters.c - strings that are integers: INCR, DECR, INCRBY, DECRBY. Source: Redis 7.0, t_string.c.
#include "commands.h"
#include "number.h"

static void add(struct request *request, int64_t by) {
    struct dict_entry *entry;
    int64_t value = 0;
    if (!request_find(request, 1, TYPE_STRING, &entry))
        return;
    if (entry && !resp_integer(dict_value(entry), entry->value_bytes, &value)) {
        reply_error(request->reply, ERROR_INTEGER);
        return;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        reply_error(request->reply, ERROR_OVERFLOW);
        return;
    }
    char text[NUMBER_MAX];
    size_t bytes = number_text(value, text);
    struct span key = request_argument(request, 1);
    if ((entry && dict_rewrite(entry, text, bytes)) ||
        store_put(request->store, key.bytes, key.length, text, bytes, true) == 0) {
        request_changed(request);
        reply_integer(request->reply, value);
    } else {
        reply_memory(request->reply);
    }
}

void command_incr(struct request *request) { add(request, 1); }
void command_decr(struct request *request) { add(request, -1); }

void command_incrby(struct request *request) {
    int64_t by;
    if (!request_integer(request, 2, &by))
        return;
    if (request->name[0] == 'd' && __builtin_sub_overflow(0, by, &by)) {
        reply_error(request->reply, "ERR decrement would overflow");
        return;
    }
    add(request, by);
}
