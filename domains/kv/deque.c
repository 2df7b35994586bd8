// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// deque.c - see deque.h.
#include "copy.h"
#include "deque.h"
#include "string.h"

static size_t item_bytes(const struct deque_item *item) { return sizeof(*item) + item->length; }

static struct deque_chunk *chunk_open(struct deque *deque, bool at_head) {
    struct deque_chunk *chunk = memory_alloc(deque->memory, sizeof(*chunk));
    if (!chunk)
        return NULL;
    *chunk = (struct deque_chunk){.next = at_head ? deque->head : NULL, .previous = at_head ? NULL : deque->tail};
    chunk->first = chunk->end = at_head ? DEQUE_CHUNK : 0;
    if (chunk->next)
        chunk->next->previous = chunk;
    else
        deque->tail = chunk;
    if (chunk->previous)
        chunk->previous->next = chunk;
    else
        deque->head = chunk;
    return chunk;
}

static void chunk_close(struct deque *deque, struct deque_chunk *chunk) {
    if (chunk->next)
        chunk->next->previous = chunk->previous;
    else
        deque->tail = chunk->previous;
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        deque->head = chunk->next;
    memory_free(deque->memory, chunk, sizeof(*chunk));
}

struct deque_item *deque_push(struct deque *deque, bool at_head, const char *data, size_t bytes) {
    struct deque_item *item = bytes < UINT32_MAX / 2 ? memory_alloc(deque->memory, sizeof(*item) + bytes) : NULL;
    if (!item)
        return NULL;
    item->length = (uint32_t)bytes;
    if (data)
        copy_data(item->bytes, data, bytes);
    struct deque_chunk *chunk = at_head ? deque->head : deque->tail;
    if (!chunk || (at_head ? chunk->first == 0 : chunk->end == DEQUE_CHUNK))
        chunk = chunk_open(deque, at_head);
    if (!chunk) {
        memory_free(deque->memory, item, item_bytes(item));
        return NULL;
    }
    chunk->items[at_head ? --chunk->first : chunk->end++] = item;
    deque->count++;
    return item;
}

void deque_pop(struct deque *deque, bool at_head) {
    struct deque_chunk *chunk = at_head ? deque->head : deque->tail;
    struct deque_item *item = chunk->items[at_head ? chunk->first++ : --chunk->end];
    memory_free(deque->memory, item, item_bytes(item));
    deque->count--;
    if (chunk->first == chunk->end)
        chunk_close(deque, chunk);
}

void deque_close(struct deque *deque) {
    while (deque->count)
        deque_pop(deque, true);
}

struct deque_place deque_seek(const struct deque *deque, size_t index) {
    if (index >= deque->count)
        return (struct deque_place){0};
    if (index < deque->count / 2) {
        struct deque_chunk *chunk = deque->head;
        for (; index >= chunk->end - chunk->first; chunk = chunk->next)
            index -= chunk->end - chunk->first;
        return (struct deque_place){chunk, chunk->first + (uint32_t)index};
    }
    struct deque_chunk *chunk = deque->tail;
    size_t back = deque->count - 1 - index;
    for (; back >= chunk->end - chunk->first; chunk = chunk->previous)
        back -= chunk->end - chunk->first;
    return (struct deque_place){chunk, chunk->end - 1 - (uint32_t)back};
}

struct deque_place deque_step(struct deque_place place, bool backwards) {
    if (backwards) {
        if (place.index > place.chunk->first)
            return (struct deque_place){place.chunk, place.index - 1};
        struct deque_chunk *chunk = place.chunk->previous;
        return (struct deque_place){chunk, chunk ? chunk->end - 1 : 0};
    }
    if (place.index + 1 < place.chunk->end)
        return (struct deque_place){place.chunk, place.index + 1};
    struct deque_chunk *chunk = place.chunk->next;
    return (struct deque_place){chunk, chunk ? chunk->first : 0};
}
