// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stream.h - an entry of a stream, private to kv. Pure.
//
// An item of a stream's deque:  id (16 bytes) | strings (4) | for each string: bytes (4), the string
// Invariant: strings are fields and values by turns, at least one of each; ids rise from item to item.
#ifndef KV_STREAM_H
#define KV_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_id {
    uint64_t ms, sequence;
};

#define STREAM_ID_MAX 44 // characters of "ms-sequence"
#define STREAM_ITEM_HEAD_BYTES (sizeof(struct stream_id) + sizeof(uint32_t))

// Below, equal or above 0, as left is before, equal to or after right.
int stream_compare(struct stream_id left, struct stream_id right);
// Whether bytes may be the item that follows one with the id *previous, which becomes its own.
bool stream_item_check(const char *item, size_t bytes, struct stream_id *previous);

#endif
