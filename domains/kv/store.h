// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// store.h - keys and values in the private heap, private to kv. Pure.
//
// Interface: store_open, store_close, store_get, store_set, store_delete
//
// A hash table with chains and a keyed hash. It grows and shrinks a few buckets per call, so that no request pays for a
// whole resize. Invariant: used_bytes, which counts entries and tables, stays at or below limit_bytes (a table that is
// due but does not fit waits: chains get longer, nothing fails).
// Keys must be private memory: they are read more than once. Values are read once.
// It does not expire, evict or persist.
#ifndef KV_STORE_H
#define KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

struct store_entry;

struct store_table {
    struct store_entry **buckets; // NULL: no table
    size_t size;                  // power of two
    size_t count;
};

struct store {
    struct store_table tables[2]; // [1] only while a resize moves entries from [0] to it
    size_t moved;                 // buckets of tables[0] that are already empty
    size_t used_bytes, limit_bytes;
    uint64_t seed[2];
};

void store_open(struct store *store, uint64_t seed0, uint64_t seed1, size_t limit_bytes);
void store_close(struct store *store);
static inline size_t store_count(const struct store *store) { return store->tables[0].count + store->tables[1].count; }

// The value of key, or NULL; *value_bytes is its length. Valid until the next call with this store.
char *store_get(struct store *store, const char *key, size_t key_bytes, size_t *value_bytes);

// Gives key the value, which is copied. Returns 0; -ENOMEM when the limit or the heap is reached: nothing changed.
int store_set(struct store *store, const char *key, size_t key_bytes, const char *value, size_t value_bytes);

// Returns whether key was there.
bool store_delete(struct store *store, const char *key, size_t key_bytes);

#endif
