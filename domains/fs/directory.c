// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// directory.c - names of the file system in memory, see ram.h.
//
// One hash table for all directories finds (directory, name); each directory's slots give its entries an order.
// Invariant: an entry is in slot `slot` of `directory` and in the bucket of `hash`, and is the entry of its node;
// between two operations every node with a name has one entry. The slot is what counts: the table is made again after a
// restart.
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

static struct ram_entry **bucket_of(const struct ram *ram, uint32_t hash) {
    return &ram->buckets[hash & (ram->bucket_count - 1)];
}

int directory_open(struct ram *ram, uint32_t names_wanted) {
    ram->named = 0;
    ram->bucket_count = BUCKETS_MIN;
    while (ram->bucket_count < names_wanted && ram->bucket_count <= UINT32_MAX / 4)
        ram->bucket_count *= 2;
    while (!(ram->buckets = heap_zalloc_in(&ram->heap, ram->bucket_count * sizeof(*ram->buckets))) &&
           ram->bucket_count > BUCKETS_MIN)
        ram->bucket_count /= 2;
    return ram->buckets ? 0 : -ENOMEM;
}

void directory_close(struct ram *ram) { heap_free_in(&ram->heap, ram->buckets); }

static void table_grow(struct ram *ram) {
    size_t old_count = ram->bucket_count;
    struct ram_entry **old = ram->buckets, **buckets = heap_zalloc_in(&ram->heap, 2 * old_count * sizeof(*buckets));
    if (!buckets)
        return;
    ram->buckets = buckets;
    ram->bucket_count *= 2;
    for (size_t i = 0; i < old_count; i++)
        for (struct ram_entry *entry = old[i], *next; entry; entry = next) {
            next = entry->hash_next;
            entry->hash_next = *bucket_of(ram, entry->hash);
            *bucket_of(ram, entry->hash) = entry;
        }
    heap_free_in(&ram->heap, old);
}

void table_insert(struct ram *ram, struct ram_entry *entry) {
    entry->hash = hash_of(ram, entry->directory, entry->name, entry->name_bytes);
    entry->hash_next = *bucket_of(ram, entry->hash);
    *bucket_of(ram, entry->hash) = entry;
    if (++ram->named > ram->bucket_count)
        table_grow(ram);
}

static void table_remove(struct ram *ram, struct ram_entry *entry) {
    struct ram_entry **link = bucket_of(ram, entry->hash);
    while (*link != entry) {
        invariant(*link);
        link = &(*link)->hash_next;
    }
    *link = entry->hash_next;
    ram->named--;
}

struct ram_entry *directory_find(const struct ram *ram, const struct ram_node *directory, const char *name,
                                 size_t bytes) {
    uint32_t hash = hash_of(ram, directory, name, bytes);
    struct ram_entry *entry = *bucket_of(ram, hash);
    while (entry && !(entry->hash == hash && entry->directory == directory && entry->name_bytes == bytes &&
                      !memcmp(entry->name, name, bytes)))
        entry = entry->hash_next;
    return entry;
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
    struct ram_entry **old = entries->slots, **slots = heap_alloc_in(&ram->heap, room * sizeof(*slots));
    if (!slots)
        return -ENOSPC;
    if (entries->used)
        memcpy(slots, old, entries->used * sizeof(*slots));
    persist_barrier();
    entries->slots = slots;
    persist_barrier();
    entries->room = room;
    heap_free_in(&ram->heap, old);
    return entries->used;
}

static void slot_take(struct ram_node *directory, struct ram_entry *entry, uint32_t slot) {
    struct ram_entries *entries = &directory->entries;
    entry->slot = slot;
    entry->directory = directory;
    persist_barrier();
    entries->slots[slot] = entry; // from here on the name is there, when used says so
    persist_barrier();
    if (slot == entries->used)
        entries->used++; // and now it is in any case
    entries->count++;
}

void directory_trim(struct ram *ram, struct ram_node *directory) {
    struct ram_entries *entries = &directory->entries;
    while (entries->used && !entries->slots[entries->used - 1])
        entries->used--;
    if (entries->first_free > entries->used)
        entries->first_free = entries->used;
    persist_barrier();
    if (!entries->used) {
        struct ram_entry **old = entries->slots;
        *entries = (struct ram_entries){0};
        persist_barrier();
        heap_free_in(&ram->heap, old);
    }
}

static void slot_free(struct ram *ram, struct ram_entry *entry) {
    struct ram_entries *entries = &entry->directory->entries;
    persist_barrier();
    entries->slots[entry->slot] = NULL; // from here on the name is gone
    persist_barrier();
    entries->count--;
    if (entry->slot < entries->first_free)
        entries->first_free = entry->slot;
    directory_trim(ram, entry->directory);
}

static struct ram_entry *entry_new(struct ram *ram, struct ram_node *node, const char *name, size_t bytes) {
    struct ram_entry *entry = heap_alloc_in(&ram->heap, sizeof(*entry) + bytes + 1);
    if (entry) {
        *entry = (struct ram_entry){.node = node, .name_bytes = (uint32_t)bytes};
        memcpy(entry->name, name, bytes);
        entry->name[bytes] = 0;
    }
    return entry;
}

int directory_add(struct ram *ram, struct ram_node *directory, struct ram_node *node, const char *name, size_t bytes) {
    struct ram_entry *entry = entry_new(ram, node, name, bytes);
    int64_t slot = entry ? slot_find(ram, &directory->entries) : -ENOSPC;
    if (slot < 0) {
        heap_free_in(&ram->heap, entry);
        return -ENOSPC;
    }
    node->entry = entry;
    slot_take(directory, entry, (uint32_t)slot); // holds the commit point
    table_insert(ram, entry);
    return 0;
}

void directory_remove(struct ram *ram, struct ram_node *node) {
    struct ram_entry *entry = node->entry;
    table_remove(ram, entry);
    slot_free(ram, entry); // holds the commit point
    node->entry = NULL;
    heap_free_in(&ram->heap, entry);
}

// A name that is leaving does not count as soon as its node has another one.
static void leaving_set(struct ram *ram, struct ram_entry *entry) {
    persist_barrier();
    ram->kept->leaving = entry;
    persist_barrier();
}

int directory_move(struct ram *ram, struct ram_node *node, struct ram_node *directory, const char *name, size_t bytes) {
    struct ram_entry *old = node->entry, *entry = entry_new(ram, node, name, bytes);
    bool stays = directory == old->directory;
    int64_t slot = !entry ? -ENOSPC : stays ? old->slot : slot_find(ram, &directory->entries);
    if (slot < 0) {
        heap_free_in(&ram->heap, entry);
        return -ENOSPC;
    }
    // From here on nothing can fail.
    table_remove(ram, old);
    if (stays) {
        entry->slot = old->slot;
        entry->directory = directory;
        persist_barrier();
        directory->entries.slots[slot] = entry; // the commit point
        persist_barrier();
    } else {
        leaving_set(ram, old);
        slot_take(directory, entry, (uint32_t)slot); // holds the commit point
        slot_free(ram, old);
        leaving_set(ram, NULL);
    }
    node->entry = entry;
    table_insert(ram, entry);
    heap_free_in(&ram->heap, old);
    return 0;
}

void directory_replace(struct ram *ram, struct ram_node *node, struct ram_node *replaced) {
    struct ram_entry *old = node->entry, *entry = replaced->entry;
    table_remove(ram, old);
    leaving_set(ram, old);
    entry->node = node; // the commit point
    slot_free(ram, old);
    leaving_set(ram, NULL);
    node->entry = entry;
    replaced->entry = NULL;
    heap_free_in(&ram->heap, old);
}
