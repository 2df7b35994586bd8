// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// store.c - see store.h.
#include "clock.h"
#include "store.h"
#include "string.h"

int64_t store_now_ms(void) { return (int64_t)(time_wall_ns() / 1000000); }

void store_open(struct store *store, uint64_t seed0, uint64_t seed1, size_t limit_bytes) {
    *store = (struct store){.memory = {.limit_bytes = limit_bytes}, .seed = {seed0, seed1}, .chance = seed0 ^ ~seed1,
                            .saved = {.at_ms = store_now_ms()}, .journal = {.rewrites.took_ms = -1}};
    dict_open(&store->keys, &store->memory, store->seed);
}

uint64_t store_random(struct store *store) {
    store->chance |= !store->chance; // zero would stay zero
    store->chance ^= store->chance << 13;
    store->chance ^= store->chance >> 7;
    store->chance ^= store->chance << 17;
    return store->chance * 0x2545f4914f6cdd1d; // xorshift64*: the raw state has weak low bits
}

void *store_object(struct dict_entry *entry) {
    void *object;
    memcpy(&object, dict_value(entry), sizeof(object));
    return object;
}

size_t store_length(struct dict_entry *entry) {
    switch ((enum type)entry->type) {
    case TYPE_LIST: return ((struct deque *)store_object(entry))->count;
    case TYPE_SET:
    case TYPE_HASH: return dict_count(store_object(entry));
    case TYPE_ZSET: return dict_count(&((struct sorted *)store_object(entry))->names);
    case TYPE_STREAM: return ((struct stream *)store_object(entry))->entries.count;
    default: return entry->value_bytes;
    }
}

static const size_t object_bytes[TYPE_COUNT] = {0, sizeof(struct deque), sizeof(struct dict), sizeof(struct sorted),
                                                sizeof(struct dict), sizeof(struct stream)};

static bool object_open(struct store *store, enum type type, void *object) {
    memset(object, 0, object_bytes[type]);
    switch (type) {
    case TYPE_LIST: ((struct deque *)object)->memory = &store->memory; return true;
    case TYPE_STREAM: ((struct stream *)object)->entries.memory = &store->memory; return true;
    case TYPE_ZSET: return sorted_open(object, &store->memory, store->seed);
    default: dict_open(object, &store->memory, store->seed); return true;
    }
}

static void object_close(struct store *store, enum type type, void *object) {
    switch (type) {
    case TYPE_LIST: deque_close(object); break;
    case TYPE_STREAM: deque_close(&((struct stream *)object)->entries); break;
    case TYPE_ZSET: sorted_close(object); break;
    default: dict_close(object);
    }
    memory_free(&store->memory, object, object_bytes[type]);
}

static void end_value(struct store *store, struct dict_entry *entry) {
    if (entry->type != TYPE_STRING)
        object_close(store, entry->type, store_object(entry));
    store_expire(store, entry, 0);
}

void store_clear(struct store *store) {
    size_t place = 0;
    for (struct dict_entry *entry = NULL; (entry = dict_next(&store->keys, &place, entry));)
        end_value(store, entry);
    dict_close(&store->keys);
}

void store_close(struct store *store) { store_clear(store); }

void store_expire(struct store *store, struct dict_entry *entry, int64_t expires_ms) {
    store->expiring += (expires_ms != 0) - (size_t)(entry->expires_ms != 0);
    entry->expires_ms = expires_ms;
}

static void expire(struct store *store, struct dict_slot slot) {
    struct dict_entry *entry = dict_entry(slot);
    if (store->journal.is_on)
        journal_delete(&store->journal, entry->bytes, entry->key_bytes);
    end_value(store, entry);
    dict_remove(&store->keys, slot);
    store->expired++;
}

// The slot of key, emptied first when its time has come.
static inline struct dict_slot find(struct store *store, const char *key, size_t key_bytes) {
    struct dict_slot slot = dict_find(&store->keys, key, key_bytes);
    struct dict_entry *entry = dict_entry(slot);
    if (entry && entry->expires_ms && !store->is_loading && store_is_over(entry, store_now_ms())) {
        expire(store, slot);
        return dict_find(&store->keys, key, key_bytes);
    }
    return slot;
}

struct dict_entry *store_find(struct store *store, const char *key, size_t key_bytes) {
    return dict_entry(find(store, key, key_bytes));
}

char *store_get(struct store *store, const char *key, size_t key_bytes, size_t *value_bytes) {
    struct dict_entry *entry = store_find(store, key, key_bytes);
    if (!entry || entry->type != TYPE_STRING)
        return NULL;
    *value_bytes = entry->value_bytes;
    return dict_value(entry);
}

int store_put(struct store *store, const char *key, size_t key_bytes, const char *value, size_t value_bytes, bool keep_end) {
    struct dict_slot slot = find(store, key, key_bytes);
    struct dict_entry *entry = dict_entry(slot);
    enum type old_type = entry ? entry->type : TYPE_STRING;
    void *object = old_type != TYPE_STRING ? store_object(entry) : NULL;
    entry = dict_put(&store->keys, slot, key, key_bytes, value, value_bytes);
    if (!entry)
        return -ENOMEM;
    if (object) {
        object_close(store, old_type, object);
        entry->type = TYPE_STRING;
    }
    if (entry->expires_ms && !keep_end)
        store_expire(store, entry, 0);
    return 0;
}

void *store_create(struct store *store, const char *key, size_t key_bytes, enum type type) {
    void *object = memory_alloc(&store->memory, object_bytes[type]);
    if (!object)
        return NULL;
    struct dict_entry *entry = NULL;
    bool open = object_open(store, type, object);
    if (open)
        entry = dict_put(&store->keys, find(store, key, key_bytes), key, key_bytes, (const char *)&object, sizeof(object));
    if (!entry) {
        if (open)
            object_close(store, type, object);
        else
            memory_free(&store->memory, object, object_bytes[type]);
        return NULL;
    }
    entry->type = type;
    return object;
}

bool store_delete(struct store *store, const char *key, size_t key_bytes) {
    struct dict_slot slot = find(store, key, key_bytes);
    struct dict_entry *entry = dict_entry(slot);
    if (!entry)
        return false;
    end_value(store, entry);
    dict_remove(&store->keys, slot);
    return true;
}

struct sweep {
    int64_t now_ms;
    unsigned count;
    struct dict_entry *over[STORE_SWEEP_MAX];
};

static void collect(void *context, struct dict_entry *entry) {
    struct sweep *sweep = context;
    if (sweep->count < STORE_SWEEP_MAX && store_is_over(entry, sweep->now_ms))
        sweep->over[sweep->count++] = entry;
}

void store_sweep(struct store *store, unsigned buckets) {
    struct sweep sweep = {.now_ms = store_now_ms()};
    if (!store->expiring)
        return;
    do
        store->sweep_cursor = dict_scan(&store->keys, store->sweep_cursor, collect, &sweep);
    while (store->sweep_cursor && --buckets && sweep.count < STORE_SWEEP_MAX);
    for (unsigned i = 0; i < sweep.count; i++)
        expire(store, dict_find(&store->keys, sweep.over[i]->bytes, sweep.over[i]->key_bytes));
}
