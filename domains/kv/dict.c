// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// dict.c - see dict.h.
#include "copy.h"
#include "dict.h"
#include "siphash.h"
#include "string.h"

#define TABLE_MIN 8
#define MOVES_PER_CALL 2        // at load 1 the move ends long before the next resize is due
#define EMPTY_PER_CALL 32       // empty buckets passed over per call: bounds the time of a call
#define ROUND_BYTES 16          // the heap rounds to this anyway
#define HEAD_BYTES offsetof(struct dict_entry, bytes)
#define RANDOM_TRIES 64         // a table is rarely emptier than 1/16

static size_t entry_bytes(const struct dict_entry *entry) { return HEAD_BYTES + entry->room; }
static size_t table_bytes(size_t size) { return size * sizeof(struct dict_entry *); }

void dict_open(struct dict *dict, struct memory *memory, const uint64_t seed[2]) {
    *dict = (struct dict){.memory = memory, .seed = seed};
}

static void table_close(struct dict *dict, struct dict_table *table) {
    for (size_t i = 0; i < table->size; i++)
        for (struct dict_entry *entry = table->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            memory_free(dict->memory, entry, entry_bytes(entry));
        }
    memory_free(dict->memory, table->buckets, table_bytes(table->size));
    *table = (struct dict_table){0};
}

void dict_close(struct dict *dict) {
    table_close(dict, &dict->tables[0]);
    table_close(dict, &dict->tables[1]);
}

static bool table_open(struct dict *dict, struct dict_table *table, size_t size) {
    table->buckets = memory_alloc(dict->memory, table_bytes(size));
    if (!table->buckets)
        return false;
    memset(table->buckets, 0, table_bytes(size));
    table->size = size;
    table->count = 0;
    return true;
}

static void table_push(struct dict_table *table, struct dict_entry *entry) {
    struct dict_entry **bucket = &table->buckets[entry->hash & (table->size - 1)];
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
}

// Moves a few buckets on, and ends the resize when the last one is empty.
static void resize_on(struct dict *dict) {
    struct dict_table *from = &dict->tables[0], *to = &dict->tables[1];
    unsigned empty = EMPTY_PER_CALL;
    for (unsigned moves = MOVES_PER_CALL; moves && dict->moved < from->size; dict->moved++) {
        struct dict_entry *entry = from->buckets[dict->moved];
        if (!entry) {
            if (!--empty)
                break;
            continue;
        }
        from->buckets[dict->moved] = NULL;
        for (struct dict_entry *next; entry; entry = next) {
            next = entry->next;
            from->count--;
            table_push(to, entry);
        }
        moves--;
    }
    if (from->count == 0) {
        memory_free(dict->memory, from->buckets, table_bytes(from->size));
        *from = *to;
        *to = (struct dict_table){0};
    }
}

static inline void resize_step(struct dict *dict) {
    if (dict->tables[1].buckets)
        resize_on(dict);
}

static void resize_start(struct dict *dict) {
    struct dict_table *table = &dict->tables[0];
    if (dict->tables[1].buckets)
        return;
    size_t wanted = table->size;
    if (table->count >= table->size)
        wanted = table->size * 2;
    else if (table->size > TABLE_MIN && table->count < table->size / 8)
        wanted = table->size / 2;
    if (wanted != table->size && wanted <= (size_t)1 << 32 && table_open(dict, &dict->tables[1], wanted))
        dict->moved = 0;
}

struct dict_slot dict_find(struct dict *dict, const char *key, size_t key_bytes) {
    struct dict_slot slot = {.hash = (uint32_t)siphash_1_3(dict->seed, key, key_bytes)};
    resize_step(dict);
    for (unsigned i = 0; i < 2 && dict->tables[i].buckets; i++) {
        slot.table = &dict->tables[i];
        struct dict_entry **link = &slot.table->buckets[slot.hash & (slot.table->size - 1)];
        for (; *link; link = &(*link)->next)
            if ((*link)->hash == slot.hash && (*link)->key_bytes == key_bytes && !memcmp((*link)->bytes, key, key_bytes)) {
                slot.link = link;
                return slot;
            }
    }
    return slot;
}

static void fill(struct dict_entry *entry, const char *value, size_t value_bytes) {
    entry->value_bytes = (uint32_t)value_bytes;
    if (value)
        copy_data(entry->bytes + entry->key_bytes, value, value_bytes);
}

bool dict_rewrite(struct dict_entry *entry, const char *value, size_t value_bytes) {
    size_t need = entry->key_bytes + value_bytes;
    bool fits = need <= entry->room && entry->room - need <= need + 2 * ROUND_BYTES;
    if (fits)
        fill(entry, value, value_bytes);
    return fits;
}

struct dict_entry *dict_put(struct dict *dict, struct dict_slot slot, const char *key, size_t key_bytes,
                            const char *value, size_t value_bytes) {
    struct dict_entry *old = dict_entry(slot);
    size_t need = key_bytes + value_bytes;
    if (key_bytes > UINT32_MAX / 2 || value_bytes > UINT32_MAX / 2 - 2 * ROUND_BYTES)
        return NULL;
    if (old && dict_rewrite(old, value, value_bytes))
        return old;
    if (!dict->tables[0].buckets && !table_open(dict, &dict->tables[0], TABLE_MIN))
        return NULL;
    size_t bytes = (HEAD_BYTES + need + ROUND_BYTES - 1) & ~(size_t)(ROUND_BYTES - 1);
    size_t before = dict->memory->used_bytes, given = old ? entry_bytes(old) + MEMORY_BLOCK_BYTES : 0;
    dict->memory->used_bytes -= given; // replaced, not added: the limit counts one of them
    struct dict_entry *entry = memory_alloc(dict->memory, bytes);
    if (!entry) {
        dict->memory->used_bytes = before;
        return NULL;
    }
    if (old)
        memcpy(entry, old, HEAD_BYTES);
    else
        memset(entry, 0, HEAD_BYTES);
    entry->hash = slot.hash;
    entry->key_bytes = (uint32_t)key_bytes;
    entry->room = (uint32_t)(bytes - HEAD_BYTES);
    memcpy(entry->bytes, key, key_bytes);
    fill(entry, value, value_bytes);
    if (old) {
        *slot.link = entry;
        heap_free(old);
    } else {
        table_push(dict->tables[1].buckets ? &dict->tables[1] : &dict->tables[0], entry);
        resize_start(dict);
    }
    return entry;
}

void dict_remove(struct dict *dict, struct dict_slot slot) {
    struct dict_entry *entry = *slot.link;
    *slot.link = entry->next;
    slot.table->count--;
    memory_free(dict->memory, entry, entry_bytes(entry));
    resize_start(dict);
}

static struct dict_entry **bucket_at(const struct dict *dict, size_t place) {
    size_t first = dict->tables[0].size;
    return place < first ? &dict->tables[0].buckets[place] : &dict->tables[1].buckets[place - first];
}

struct dict_entry *dict_random(struct dict *dict, uint64_t chance) {
    size_t size = dict->tables[0].size + dict->tables[1].size;
    if (!dict_count(dict))
        return NULL;
    resize_step(dict);
    size = dict->tables[0].size + dict->tables[1].size;
    struct dict_entry *entry = NULL;
    size_t place = 0;
    for (unsigned tries = 0; !entry && tries < RANDOM_TRIES; tries++) {
        chance = chance * 6364136223846793005 + 1442695040888963407;
        place = (size_t)((unsigned __int128)chance * size >> 64);
        entry = *bucket_at(dict, place);
    }
    while (!entry) // very sparse: the next one that holds something
        entry = *bucket_at(dict, place = (place + 1) % size);
    size_t length = 0;
    for (const struct dict_entry *each = entry; each; each = each->next)
        length++;
    for (size_t skip = (chance & 0xffff) % length; skip; skip--)
        entry = entry->next;
    return entry;
}

static void visit_bucket(const struct dict_table *table, uint64_t index, void (*visit)(void *, struct dict_entry *),
                         void *context) {
    for (struct dict_entry *entry = table->buckets[index & (table->size - 1)], *next; entry; entry = next) {
        next = entry->next;
        visit(context, entry);
    }
}

static uint64_t reverse(uint64_t value) {
    value = __builtin_bswap64(value);
    value = (value & 0x0f0f0f0f0f0f0f0f) << 4 | (value >> 4 & 0x0f0f0f0f0f0f0f0f);
    value = (value & 0x3333333333333333) << 2 | (value >> 2 & 0x3333333333333333);
    return (value & 0x5555555555555555) << 1 | (value >> 1 & 0x5555555555555555);
}

// The cursor counts with its bits reversed, so that what a smaller table's bucket splits into, or merges from, stays together.
static uint64_t advance(uint64_t cursor, uint64_t mask) { return reverse(reverse(cursor | ~mask) + 1); }

uint64_t dict_scan(const struct dict *dict, uint64_t cursor, void (*visit)(void *context, struct dict_entry *entry),
                   void *context) {
    const struct dict_table *small = &dict->tables[0], *large = &dict->tables[1];
    if (!small->buckets)
        return 0;
    if (!large->buckets) {
        visit_bucket(small, cursor, visit, context);
        return advance(cursor, small->size - 1);
    }
    if (small->size > large->size) {
        small = large;
        large = &dict->tables[0];
    }
    uint64_t small_mask = small->size - 1, large_mask = large->size - 1;
    visit_bucket(small, cursor, visit, context);
    do {
        visit_bucket(large, cursor, visit, context);
        cursor = advance(cursor, large_mask);
    } while (cursor & (small_mask ^ large_mask));
    return cursor;
}

struct dict_entry *dict_next(const struct dict *dict, size_t *place, const struct dict_entry *entry) {
    if (entry && entry->next)
        return entry->next;
    size_t size = dict->tables[0].size + dict->tables[1].size;
    while (*place < size) {
        struct dict_entry *first = *bucket_at(dict, (*place)++);
        if (first)
            return first;
    }
    return NULL;
}
