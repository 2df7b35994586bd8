// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// store.h - keys, their values and their ends, in the private heap, private to kv. Pure.
//
// Interface: store_open, store_close, store_find, store_get, store_set, store_create, store_delete, store_expire, store_sweep;
//            for snapshots: dict_next over keys, walk.h, saved
//
// A string lies in its key's entry; any other value is an object of its own, to which the entry's value bytes point.
// Invariant: memory.used_bytes, which counts everything, stays at or below memory.limit_bytes; no aggregate is empty
// between two requests. Keys must be private memory: they are read more than once. Values are read once.
// Keys whose time has come are removed when somebody asks for them, and by store_sweep; the log, when it is on, has a
// record of that. It does not evict.
#ifndef KV_STORE_H
#define KV_STORE_H

#include "deque.h"
#include "dict.h"
#include "journal.h"
#include "sorted.h"

enum type { TYPE_STRING, TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH, TYPE_STREAM, TYPE_COUNT };

struct stream {
    struct deque entries;         // stream.h says what is in an item
    uint64_t last_ms, last_sequence;
};

struct saved {                    // to a snapshot: persistence.c
    int64_t at_ms;                // the last time, or the start
    uint64_t changes;             // commands since then that may have changed something
    uint64_t count;               // saves that succeeded
    bool failed;                  // the last one
};

struct store {
    struct dict keys;
    struct memory memory;
    uint64_t seed[2];
    uint64_t chance;              // state of store_random
    size_t expiring;              // keys that have an end
    uint64_t sweep_cursor, expired;
    struct saved saved;
    struct journal journal;
    bool is_loading;              // from a log: keys end where it says so, not by the clock
};

void store_open(struct store *store, uint64_t seed0, uint64_t seed1, size_t limit_bytes);
void store_close(struct store *store);
// Removes every key.
void store_clear(struct store *store);
static inline size_t store_count(const struct store *store) { return dict_count(&store->keys); }

// The entry of key, NULL when there is none or its time has come. Valid until the next call with this store.
struct dict_entry *store_find(struct store *store, const char *key, size_t key_bytes);
// The value of key when it is a string, else NULL.
char *store_get(struct store *store, const char *key, size_t key_bytes, size_t *value_bytes);
// The object of an entry whose type is not TYPE_STRING: struct deque, dict, sorted, dict, stream.
void *store_object(struct dict_entry *entry);
// Items in the value; of a string, its bytes.
size_t store_length(struct dict_entry *entry);

// Gives key a string, which is copied (NULL: left to the caller to write). Whatever it was before is gone, its end too unless
// keep_end. Returns 0; -ENOMEM when the limit or the heap is reached: nothing changed.
int store_put(struct store *store, const char *key, size_t key_bytes, const char *value, size_t value_bytes, bool keep_end);
static inline int store_set(struct store *store, const char *key, size_t key_bytes, const char *value, size_t value_bytes) {
    return store_put(store, key, key_bytes, value, value_bytes, false);
}
// Makes key, which must not be there, an empty object of type. NULL: memory exhausted. The caller fills it or deletes it.
void *store_create(struct store *store, const char *key, size_t key_bytes, enum type type);
// Returns whether key was there.
bool store_delete(struct store *store, const char *key, size_t key_bytes);

// expires_ms since 1970; 0: never.
void store_expire(struct store *store, struct dict_entry *entry, int64_t expires_ms);
int64_t store_now_ms(void);
static inline bool store_is_over(const struct dict_entry *entry, int64_t now_ms) {
    return entry->expires_ms && entry->expires_ms <= now_ms;
}
// Looks at the keys of at most buckets buckets, and removes at most STORE_SWEEP_MAX whose time has come.
#define STORE_SWEEP_MAX 64
void store_sweep(struct store *store, unsigned buckets);
uint64_t store_random(struct store *store);

#endif
