// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// deque.h - a row of byte strings that grows and shrinks at both ends, private to kv: lists and streams. Pure.
//
// Interface: deque_push, deque_pop, deque_count, deque_seek, deque_step, deque_close
//
// A doubly linked list of chunks of DEQUE_CHUNK pointers; each item is a block of its own. An index costs a walk over chunks.
#ifndef KV_DEQUE_H
#define KV_DEQUE_H

#include <stdbool.h>
#include "memory.h"

#define DEQUE_CHUNK 60          // with the head 512 bytes

struct deque_item {
    uint32_t length;
    char bytes[];
};

struct deque_chunk {
    struct deque_chunk *next, *previous;
    uint32_t first, end;        // [first, end) of items
    struct deque_item *items[DEQUE_CHUNK];
};

struct deque {
    struct deque_chunk *head, *tail;
    size_t count;
    struct memory *memory;
};

struct deque_place {            // an item, or the end (chunk NULL); valid until the deque changes
    struct deque_chunk *chunk;
    uint32_t index;
};

// Adds an item of bytes bytes at the head or the tail; NULL data leaves them to the caller. NULL: memory exhausted.
struct deque_item *deque_push(struct deque *deque, bool at_head, const char *data, size_t bytes);
// Removes the item at the head or the tail; there must be one.
void deque_pop(struct deque *deque, bool at_head);
void deque_close(struct deque *deque);
struct deque_place deque_seek(const struct deque *deque, size_t index);
static inline struct deque_item *deque_at(struct deque_place place) {
    return place.chunk ? place.chunk->items[place.index] : NULL;
}
static inline struct deque_item *deque_end(const struct deque *deque, bool at_head) {
    return at_head ? deque->head->items[deque->head->first] : deque->tail->items[deque->tail->end - 1];
}
// The item after (or before) place.
struct deque_place deque_step(struct deque_place place, bool backwards);

#endif
