// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// store.c - see store.h.
#include "alloc.h"
#include "siphash.h"
#include "store.h"
#include "string.h"

#define TABLE_MIN 64
#define MOVES_PER_CALL 2        // at load 1 the move ends long before the next resize is due
#define EMPTY_PER_CALL 32       // empty buckets passed over per call: bounds the time of a call
#define BLOCK_BYTES 16          // the heap's header and rounding

struct store_entry {
    struct store_entry *next;
    uint64_t hash;
    uint32_t key_bytes, value_bytes;
    uint32_t room;              // for key and value
    uint32_t pad;
    char bytes[];               // key, value
};

static size_t entry_bytes(const struct store_entry *entry) { return sizeof(*entry) + entry->room + BLOCK_BYTES; }
static size_t table_bytes(size_t size) { return size * sizeof(struct store_entry *) + BLOCK_BYTES; }

void store_open(struct store *store, uint64_t seed0, uint64_t seed1, size_t limit_bytes) {
    *store = (struct store){.limit_bytes = limit_bytes, .seed = {seed0, seed1}};
}

static void table_close(struct store_table *table) {
    for (size_t i = 0; i < table->size; i++)
        for (struct store_entry *entry = table->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            heap_free(entry);
        }
    heap_free(table->buckets);
    *table = (struct store_table){0};
}

void store_close(struct store *store) {
    table_close(&store->tables[0]);
    table_close(&store->tables[1]);
    store->used_bytes = 0;
}

static bool table_open(struct store *store, struct store_table *table, size_t size) {
    if (store->used_bytes + table_bytes(size) > store->limit_bytes)
        return false;
    table->buckets = heap_zalloc(size * sizeof(*table->buckets));
    if (!table->buckets)
        return false;
    table->size = size;
    table->count = 0;
    store->used_bytes += table_bytes(size);
    return true;
}

static void table_push(struct store_table *table, struct store_entry *entry) {
    struct store_entry **bucket = &table->buckets[entry->hash & (table->size - 1)];
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
}

// Moves a few buckets on, and ends the resize when the last one is empty.
static void resize_step(struct store *store) {
    struct store_table *from = &store->tables[0], *to = &store->tables[1];
    if (!to->buckets)
        return;
    unsigned empty = EMPTY_PER_CALL;
    for (unsigned moves = MOVES_PER_CALL; moves && store->moved < from->size; store->moved++) {
        struct store_entry *entry = from->buckets[store->moved];
        if (!entry) {
            if (!--empty)
                break;
            continue;
        }
        from->buckets[store->moved] = NULL;
        for (struct store_entry *next; entry; entry = next) {
            next = entry->next;
            from->count--;
            table_push(to, entry);
        }
        moves--;
    }
    if (from->count == 0) {
        heap_free(from->buckets);
        store->used_bytes -= table_bytes(from->size);
        *from = *to;
        *to = (struct store_table){0};
    }
}

static void resize_start(struct store *store) {
    struct store_table *table = &store->tables[0];
    if (store->tables[1].buckets)
        return;
    size_t wanted = table->size;
    if (table->count >= table->size)
        wanted = table->size * 2;
    else if (table->size > TABLE_MIN && table->count < table->size / 8)
        wanted = table->size / 2;
    if (wanted != table->size && table_open(store, &store->tables[1], wanted))
        store->moved = 0;
}

// The link that points to the entry of key, or NULL; *table is its table.
static struct store_entry **find(struct store *store, const char *key, size_t key_bytes, uint64_t hash,
                                 struct store_table **table) {
    for (unsigned i = 0; i < 2 && store->tables[i].buckets; i++) {
        *table = &store->tables[i];
        struct store_entry **link = &(*table)->buckets[hash & ((*table)->size - 1)];
        for (; *link; link = &(*link)->next)
            if ((*link)->hash == hash && (*link)->key_bytes == key_bytes && !memcmp((*link)->bytes, key, key_bytes))
                return link;
    }
    return NULL;
}

char *store_get(struct store *store, const char *key, size_t key_bytes, size_t *value_bytes) {
    struct store_table *table;
    resize_step(store);
    struct store_entry **link = find(store, key, key_bytes, siphash_1_3(store->seed, key, key_bytes), &table);
    if (!link)
        return NULL;
    *value_bytes = (*link)->value_bytes;
    return (*link)->bytes + key_bytes;
}

int store_set(struct store *store, const char *key, size_t key_bytes, const char *value, size_t value_bytes) {
    struct store_table *table;
    resize_step(store);
    if (!store->tables[0].buckets && !table_open(store, &store->tables[0], TABLE_MIN))
        return -ENOMEM;
    uint64_t hash = siphash_1_3(store->seed, key, key_bytes);
    struct store_entry **link = find(store, key, key_bytes, hash, &table), *old = link ? *link : NULL;
    size_t need = key_bytes + value_bytes;
    if (need > UINT32_MAX - BLOCK_BYTES)
        return -ENOMEM;
    if (old && need <= old->room && old->room - need <= need + BLOCK_BYTES) { // fits, and wastes less than half
        memcpy(old->bytes + key_bytes, value, value_bytes);
        old->value_bytes = (uint32_t)value_bytes;
        return 0;
    }
    uint32_t room = (uint32_t)((need + BLOCK_BYTES - 1) & ~(size_t)(BLOCK_BYTES - 1));
    size_t after = store->used_bytes + sizeof(struct store_entry) + room + BLOCK_BYTES - (old ? entry_bytes(old) : 0);
    struct store_entry *entry = after <= store->limit_bytes ? heap_alloc(sizeof(*entry) + room) : NULL;
    if (!entry)
        return -ENOMEM;
    *entry = (struct store_entry){.hash = hash, .key_bytes = (uint32_t)key_bytes, .value_bytes = (uint32_t)value_bytes,
                                  .room = room};
    memcpy(entry->bytes, key, key_bytes);
    memcpy(entry->bytes + key_bytes, value, value_bytes);
    store->used_bytes = after;
    if (old) {
        entry->next = old->next;
        *link = entry;
        heap_free(old);
    } else {
        table_push(store->tables[1].buckets ? &store->tables[1] : &store->tables[0], entry);
        resize_start(store);
    }
    return 0;
}

bool store_delete(struct store *store, const char *key, size_t key_bytes) {
    struct store_table *table;
    resize_step(store);
    struct store_entry **link = find(store, key, key_bytes, siphash_1_3(store->seed, key, key_bytes), &table);
    if (!link)
        return false;
    struct store_entry *entry = *link;
    *link = entry->next;
    table->count--;
    store->used_bytes -= entry_bytes(entry);
    heap_free(entry);
    resize_start(store);
    return true;
}
