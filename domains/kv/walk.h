// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// walk.h - the store element by element: the seam for snapshots, private to kv. Pure.
//
// Write: for each entry of dict_next(&store->keys, ...): its type, expires_ms, key; then walk_open() and walk_next() until false.
// Read:  walk_restore() per key, then walk_add() per element in the same order (a string has one), then, when the key has
//        an end, store_expire(store_find(...)). All fail with -ENOMEM only; whoever gives up deletes the key.
// The store must not change between walk_open and the last walk_next.
#ifndef KV_WALK_H
#define KV_WALK_H

#include "store.h"

struct element {
    const char *name, *value;  // string, list: name; hash: name and value; stream: the bytes of an item (stream.h)
    size_t name_bytes, value_bytes;
    uint64_t score;            // sorted set
};

struct walk {
    struct dict_entry *key, *member;
    size_t place;
    struct deque_place item;
    struct sorted_node *node;
    bool started;
};

void walk_open(struct walk *walk, struct dict_entry *key);
bool walk_next(struct walk *walk, struct element *element);

int walk_restore(struct store *store, const char *key, size_t key_bytes, enum type type);
int walk_add(struct store *store, const char *key, size_t key_bytes, const struct element *element);

#endif
