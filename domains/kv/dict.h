// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// dict.h - a hash table of byte strings, private to kv: the keys of the store, and the members of sets, hashes and sorted
// sets. Pure.
//
// Interface: dict_open, dict_close, dict_count, dict_find, dict_put, dict_remove, dict_random, dict_scan, dict_next
//
// Chains and a keyed hash. It grows and shrinks a few buckets per call, so that no request pays for a whole resize; a table
// that is due but does not fit the memory waits: chains get longer, nothing fails.
// Keys must be private memory: they are read more than once. Values are read once.
// An entry stays where it is until dict_put gives it a longer or much shorter value, or it is removed.
#ifndef KV_DICT_H
#define KV_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "memory.h"

struct sorted_node;

struct dict_entry {
    struct dict_entry *next;
    union {
        int64_t expires_ms;           // a key of the store; 0: never
        struct sorted_node *node;     // a member of a sorted set
    };
    uint32_t hash, key_bytes, value_bytes;
    uint32_t room;                    // for key and value
    uint8_t type;                     // a key of the store: enum type
    char bytes[];                     // key, value
};

struct dict_table {
    struct dict_entry **buckets;      // NULL: no table
    size_t size;                      // power of two
    size_t count;
};

struct dict {
    struct dict_table tables[2];      // [1] only while a resize moves entries from [0] to it
    size_t moved;                     // buckets of tables[0] that are already empty
    struct memory *memory;
    const uint64_t *seed;
};

// Where a key is, or would be: valid until the next call with this dict.
struct dict_slot {
    struct dict_entry **link;         // NULL: not there
    struct dict_table *table;
    uint32_t hash;
};

void dict_open(struct dict *dict, struct memory *memory, const uint64_t seed[2]);
// Frees every entry. What the values refer to is the caller's.
void dict_close(struct dict *dict);
static inline size_t dict_count(const struct dict *dict) { return dict->tables[0].count + dict->tables[1].count; }
static inline char *dict_value(struct dict_entry *entry) { return entry->bytes + entry->key_bytes; }

struct dict_slot dict_find(struct dict *dict, const char *key, size_t key_bytes);
static inline struct dict_entry *dict_entry(struct dict_slot slot) { return slot.link ? *slot.link : NULL; }
static inline struct dict_entry *dict_get(struct dict *dict, const char *key, size_t key_bytes) {
    return dict_entry(dict_find(dict, key, key_bytes));
}

// Gives the key of slot the value; a NULL value leaves value_bytes for the caller to write. The other fields of the entry stay,
// or are zero when it is new. NULL when the memory is exhausted: nothing changed.
struct dict_entry *dict_put(struct dict *dict, struct dict_slot slot, const char *key, size_t key_bytes,
                            const char *value, size_t value_bytes);
// Gives entry another value where it is; false when that does not fit, or would waste more than half: dict_put then.
bool dict_rewrite(struct dict_entry *entry, const char *value, size_t value_bytes);
// Removes the entry of slot, which must be there.
void dict_remove(struct dict *dict, struct dict_slot slot);

// An entry by chance, NULL when there is none. Not exactly uniform: alone in its bucket is more likely than in a chain.
struct dict_entry *dict_random(struct dict *dict, uint64_t chance);

// Walks one bucket (with its descendants while a resize is on) and returns the next cursor; 0 ends. An entry that is there from
// the first call to the last is visited at least once, whatever changes meanwhile (Redis' reverse binary cursor).
// visit must not change the dict.
uint64_t dict_scan(const struct dict *dict, uint64_t cursor, void (*visit)(void *context, struct dict_entry *entry),
                   void *context);

// All entries, one after the other, while the dict does not change: starts with *place 0 and entry NULL, ends with NULL.
struct dict_entry *dict_next(const struct dict *dict, size_t *place, const struct dict_entry *entry);

#endif
