// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// zsets.c - the commands of sorted sets. Source: Redis 7.0, t_zset.c.
#include "commands.h"
#include "real.h"

enum { ZADD_NX = 1, ZADD_XX = 2, ZADD_GT = 4, ZADD_LT = 8, ZADD_CH = 16, ZADD_INCR = 32 };
enum outcome { NOTHING, SAME, ADDED, UPDATED, NOT_A_NUMBER, NO_MEMORY };

static struct sorted_node *member_of(const struct request *request, struct sorted *sorted, uint32_t index) {
    struct span name = request_argument(request, index);
    struct dict_entry *entry = sorted ? dict_get(&sorted->names, name.bytes, name.length) : NULL;
    return entry ? entry->node : NULL;
}

static enum outcome add(const struct request *request, struct sorted *sorted, int flags, uint32_t index, uint64_t *score) {
    struct span name = request_argument(request, index);
    const struct sorted_node *node = member_of(request, sorted, index);
    if (!node) {
        if (flags & ZADD_XX)
            return NOTHING;
        return sorted_set(sorted, name.bytes, name.length, *score) ? ADDED : NO_MEMORY;
    }
    if (flags & ZADD_NX)
        return NOTHING;
    if (flags & ZADD_INCR && !real_add(node->score, *score, score))
        return NOT_A_NUMBER;
    *score = *score == REAL_SIGN ? 0 : *score;
    int order = real_compare(*score, node->score);
    if ((flags & ZADD_LT && order >= 0) || (flags & ZADD_GT && order <= 0))
        return NOTHING;
    if (order == 0)
        return SAME;
    sorted_set(sorted, name.bytes, name.length, *score); // moves its node: cannot fail
    return UPDATED;
}

static int zadd_flags(const struct request *request, uint32_t *first) {
    static const char *const words[] = {"nx", "xx", "gt", "lt", "ch", "incr"};
    int flags = request->name[1] == 'i' ? ZADD_INCR : 0;
    for (*first = 2; *first < request->count; (*first)++) {
        unsigned word = 0;
        while (word < 6 && !request_is(request, *first, words[word]))
            word++;
        if (word == 6)
            break;
        flags |= 1 << word;
    }
    return flags;
}

static const char *zadd_refusal(const struct request *request, int flags, uint32_t first) {
    uint32_t left = request->count - first;
    if (left % 2 || !left)
        return ERROR_SYNTAX;
    if (flags & ZADD_NX && flags & ZADD_XX)
        return "ERR XX and NX options at the same time are not compatible";
    int exclusive = flags & (ZADD_NX | ZADD_GT | ZADD_LT);
    if (exclusive & (exclusive - 1))
        return "ERR GT, LT, and/or NX options at the same time are not compatible";
    if (flags & ZADD_INCR && left > 2)
        return "ERR INCR option supports a single increment-element pair";
    for (uint32_t i = first; i < request->count; i += 2) {
        struct span text = request_argument(request, i);
        uint64_t score;
        if (!real_parse(text.bytes, text.length, &score))
            return "ERR value is not a valid float";
    }
    return NULL;
}

// ZADD, ZINCRBY
void command_zadd(struct request *request) {
    uint32_t first;
    void *sorted;
    int64_t added = 0, updated = 0;
    uint64_t score = 0;
    int flags = zadd_flags(request, &first);
    const char *refusal = zadd_refusal(request, flags, first);
    if (refusal) {
        reply_error(request->reply, refusal);
        return;
    }
    if (!request_object(request, 1, TYPE_ZSET, !(flags & ZADD_XX), &sorted))
        return;
    enum outcome outcome = NOTHING;
    for (uint32_t i = first; sorted && i < request->count; i += 2) {
        struct span text = request_argument(request, i);
        real_parse(text.bytes, text.length, &score);
        score = score == REAL_SIGN ? 0 : score; // as Redis in its small sets: no minus zero
        outcome = add(request, sorted, flags, i + 1, &score);
        if (outcome == NOT_A_NUMBER || outcome == NO_MEMORY) {
            if (added + updated)
                request_stopped(request, i, first);
            request_settle(request, 1);
            reply_error(request->reply, outcome == NO_MEMORY ? ERROR_MEMORY : "ERR resulting score is not a number (NaN)");
            return;
        }
        added += outcome == ADDED;
        updated += outcome == UPDATED;
    }
    if (added + updated)
        request_changed(request);
    if (!(flags & ZADD_INCR))
        reply_integer(request->reply, flags & ZADD_CH ? added + updated : added);
    else if (outcome == NOTHING)
        reply_null(request->reply);
    else
        reply_real(request->reply, score);
}

void command_zscore(struct request *request) {
    void *sorted;
    if (!request_object(request, 1, TYPE_ZSET, false, &sorted))
        return;
    const struct sorted_node *node = member_of(request, sorted, 2);
    if (node)
        reply_real(request->reply, node->score);
    else
        reply_null(request->reply);
}

void command_zcard(struct request *request) {
    void *sorted;
    if (request_object(request, 1, TYPE_ZSET, false, &sorted))
        reply_integer(request->reply, sorted ? (int64_t)dict_count(&((struct sorted *)sorted)->names) : 0);
}

// ZRANK, ZREVRANK
void command_zrank(struct request *request) {
    void *object;
    if (!request_object(request, 1, TYPE_ZSET, false, &object))
        return;
    struct sorted *sorted = object;
    const struct sorted_node *node = member_of(request, sorted, 2);
    if (!node) {
        reply_null(request->reply);
        return;
    }
    size_t rank = sorted_rank(sorted, node);
    reply_integer(request->reply, (int64_t)(request->name[2] == 'e' ? dict_count(&sorted->names) - 1 - rank : rank));
}

void command_zrem(struct request *request) {
    void *sorted;
    int64_t removed = 0;
    if (!request_object(request, 1, TYPE_ZSET, false, &sorted))
        return;
    for (uint32_t i = 2; sorted && i < request->count; i++) {
        struct span name = request_argument(request, i);
        removed += sorted_remove(sorted, name.bytes, name.length);
    }
    if (removed)
        request_changed(request);
    request_settle(request, 1);
    reply_integer(request->reply, removed);
}

static void reply_node(struct reply *reply, const struct sorted_node *node, bool with_score) {
    reply_bulk(reply, node->entry->bytes, node->entry->key_bytes);
    if (with_score)
        reply_real(reply, node->score);
}

// ZRANGE with indexes, ZREVRANGE
void command_zrange(struct request *request) {
    bool reverse = request->name[2] == 'e', with_scores = false;
    void *object;
    int64_t start, stop;
    size_t first, end;
    for (uint32_t i = 4; i < request->count; i++) {
        if (request_is(request, i, "withscores")) {
            with_scores = true;
        } else if (request_is(request, i, "rev") && request->name[2] != 'e') {
            reverse = true;
        } else {
            reply_error(request->reply, ERROR_SYNTAX);
            return;
        }
    }
    if (!request_integer(request, 2, &start) || !request_integer(request, 3, &stop) ||
        !request_object(request, 1, TYPE_ZSET, false, &object))
        return;
    struct sorted *sorted = object;
    size_t count = sorted ? dict_count(&sorted->names) : 0;
    request_range(start, stop, count, &first, &end);
    reply_array(request->reply, (end - first) * (with_scores ? 2 : 1));
    const struct sorted_node *node = first < end ? sorted_at(sorted, reverse ? count - 1 - first : first) : NULL;
    for (; first < end; first++, node = reverse ? node->previous : node->links[0].next)
        reply_node(request->reply, node, with_scores);
}

// ZPOPMIN, ZPOPMAX
void command_zpop(struct request *request) {
    bool maximum = request->name[5] == 'a';
    void *object;
    size_t wanted;
    if (request->count > 3) {
        reply_error(request->reply, ERROR_SYNTAX);
        return;
    }
    if (!request_count(request, 2, &wanted) || !request_object(request, 1, TYPE_ZSET, false, &object))
        return;
    struct sorted *sorted = object;
    size_t count = sorted ? dict_count(&sorted->names) : 0;
    count = wanted < count ? wanted : count;
    reply_array(request->reply, count * 2);
    if (count)
        request_changed(request);
    for (; count; count--) {
        const struct sorted_node *node = maximum ? sorted->tail : sorted->head->links[0].next;
        reply_node(request->reply, node, true);
        sorted_remove(sorted, node->entry->bytes, node->entry->key_bytes);
    }
    request_settle(request, 1);
}
