// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// directory.c - names of the file system in memory, see ram.h.
//
// One hash table for all directories finds (directory, name); each directory's slots give its entries an order.
// Invariant: a node with a parent is in its parent's slot `slot` and in the bucket of `hash`; one without is in neither.
// The table doubles at load 1, when there is memory; else chains get longer and nothing fails.
#include "invariant.h"
#include "ram.h"
#include "siphash.h"
#include "string.h"

#define BUCKETS_MIN 64
#define SLOTS_MIN 8

static uint32_t hash_of(const struct ram *ram, const struct ram_node *directory, const char *name, size_t bytes) {
    return (uint32_t)siphash_1_3((const uint64_t[]){ram->seed[0], ram->seed[1] ^ directory->number}, name, bytes);
}

static struct ram_node **bucket_of(const struct ram *ram, uint32_t hash) { return &ram->buckets[hash & (ram->bucket_count - 1)]; }

int directory_open(struct ram *ram) {
    ram->bucket_count = BUCKETS_MIN;
    ram->buckets = ram_zalloc(&ram->memory, BUCKETS_MIN * sizeof(*ram->buckets));
    return ram->buckets ? 0 : -ENOMEM;
}

void directory_close(struct ram *ram) { ram_free(&ram->memory, ram->buckets, ram->bucket_count * sizeof(*ram->buckets)); }

static void table_grow(struct ram *ram) {
    size_t old_count = ram->bucket_count;
    struct ram_node **old = ram->buckets, **buckets = ram_zalloc(&ram->memory, 2 * old_count * sizeof(*buckets));
    if (!buckets)
        return;
    ram->buckets = buckets;
    ram->bucket_count *= 2;
    for (size_t i = 0; i < old_count; i++)
        for (struct ram_node *node = old[i], *next; node; node = next) {
            next = node->hash_next;
            node->hash_next = *bucket_of(ram, node->hash);
            *bucket_of(ram, node->hash) = node;
        }
    ram_free(&ram->memory, old, old_count * sizeof(*old));
}

static void table_insert(struct ram *ram, struct ram_node *node) {
    node->hash = hash_of(ram, node->parent, node->name, node->name_bytes);
    node->hash_next = *bucket_of(ram, node->hash);
    *bucket_of(ram, node->hash) = node;
    if (++ram->named > ram->bucket_count)
        table_grow(ram);
}

static void table_remove(struct ram *ram, struct ram_node *node) {
    struct ram_node **link = bucket_of(ram, node->hash);
    while (*link != node) {
        invariant(*link);
        link = &(*link)->hash_next;
    }
    *link = node->hash_next;
    ram->named--;
}

struct ram_node *directory_find(const struct ram *ram, const struct ram_node *directory, const char *name, size_t bytes) {
    uint32_t hash = hash_of(ram, directory, name, bytes);
    struct ram_node *node = *bucket_of(ram, hash);
    while (node && !(node->hash == hash && node->parent == directory && node->name_bytes == bytes && !memcmp(node->name, name, bytes)))
        node = node->hash_next;
    return node;
}

// Makes sure that there is a free slot; returns it, or -ENOSPC.
static int64_t slot_find(struct ram *ram, struct ram_entries *entries) {
    if (entries->count < entries->used) {
        while (entries->slots[entries->first_free])
            entries->first_free++;
        return entries->first_free;
    }
    if (entries->used < entries->room)
        return entries->used;
    if (entries->room > UINT32_MAX / 2)
        return -ENOSPC;
    uint32_t room = entries->room ? 2 * entries->room : SLOTS_MIN;
    struct ram_node **slots = ram_alloc(&ram->memory, room * sizeof(*slots));
    if (!slots)
        return -ENOSPC;
    if (entries->used)
        memcpy(slots, entries->slots, entries->used * sizeof(*slots));
    ram_free(&ram->memory, entries->slots, entries->room * sizeof(*slots));
    entries->slots = slots;
    entries->room = room;
    return entries->used;
}

static void slot_take(struct ram_node *directory, struct ram_node *node, uint32_t slot) {
    struct ram_entries *entries = &directory->entries;
    entries->slots[slot] = node;
    entries->count++;
    if (slot == entries->used)
        entries->used++;
    node->slot = slot;
    node->parent = directory;
}

static void slot_free(struct ram *ram, struct ram_node *node) {
    struct ram_entries *entries = &node->parent->entries;
    entries->slots[node->slot] = NULL;
    entries->count--;
    if (node->slot < entries->first_free)
        entries->first_free = node->slot;
    while (entries->used && !entries->slots[entries->used - 1])
        entries->used--;
    if (entries->first_free > entries->used)
        entries->first_free = entries->used;
    if (!entries->used) {
        ram_free(&ram->memory, entries->slots, entries->room * sizeof(*entries->slots));
        *entries = (struct ram_entries){0};
    }
    node->parent = NULL;
}

static char *name_copy(struct ram *ram, const char *name, size_t bytes) {
    char *copy = ram_alloc(&ram->memory, bytes + 1);
    if (copy) {
        memcpy(copy, name, bytes);
        copy[bytes] = 0;
    }
    return copy;
}

static void name_free(struct ram *ram, struct ram_node *node) {
    ram_free(&ram->memory, node->name, node->name_bytes + 1);
    node->name = NULL;
}

int directory_add(struct ram *ram, struct ram_node *directory, struct ram_node *node, const char *name, size_t bytes) {
    char *copy = name_copy(ram, name, bytes);
    int64_t slot = copy ? slot_find(ram, &directory->entries) : -ENOSPC;
    if (slot < 0) {
        ram_free(&ram->memory, copy, bytes + 1);
        return -ENOSPC;
    }
    node->name = copy;
    node->name_bytes = (uint32_t)bytes;
    slot_take(directory, node, (uint32_t)slot);
    table_insert(ram, node);
    return 0;
}

void directory_remove(struct ram *ram, struct ram_node *node) {
    table_remove(ram, node);
    slot_free(ram, node);
    name_free(ram, node);
}

int directory_move(struct ram *ram, struct ram_node *node, struct ram_node *directory, const char *name, size_t bytes) {
    char *copy = name_copy(ram, name, bytes);
    bool stays = directory == node->parent;
    int64_t slot = !copy ? -ENOSPC : stays ? node->slot : slot_find(ram, &directory->entries);
    if (slot < 0) {
        ram_free(&ram->memory, copy, bytes + 1);
        return -ENOSPC;
    }
    // From here on nothing can fail.
    table_remove(ram, node);
    name_free(ram, node);
    if (!stays) {
        slot_free(ram, node);
        slot_take(directory, node, (uint32_t)slot);
    }
    node->name = copy;
    node->name_bytes = (uint32_t)bytes;
    table_insert(ram, node);
    return 0;
}

void directory_replace(struct ram *ram, struct ram_node *node, struct ram_node *replaced) {
    struct ram_node *directory = replaced->parent;
    char *name = replaced->name;
    uint32_t name_bytes = replaced->name_bytes, slot = replaced->slot;
    table_remove(ram, node);
    table_remove(ram, replaced);
    name_free(ram, node);
    replaced->name = NULL;
    replaced->parent = NULL;
    directory->entries.slots[slot] = node; // before its old slot goes, so that the directory is never empty meanwhile
    slot_free(ram, node);
    node->parent = directory;
    node->slot = slot;
    node->name = name;
    node->name_bytes = name_bytes;
    table_insert(ram, node);
}
