// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// sorted.c - see sorted.h.
#include "real.h"
#include "sorted.h"
#include "string.h"

static size_t node_bytes(uint32_t levels) { return sizeof(struct sorted_node) + levels * sizeof(struct sorted_link); }

static struct sorted_node *node_open(struct memory *memory, uint32_t levels) {
    struct sorted_node *node = memory_alloc(memory, node_bytes(levels));
    if (node) {
        memset(node, 0, node_bytes(levels));
        node->levels = levels;
    }
    return node;
}

bool sorted_open(struct sorted *sorted, struct memory *memory, const uint64_t seed[2]) {
    dict_open(&sorted->names, memory, seed);
    sorted->tail = NULL;
    sorted->levels = 1;
    sorted->chance = seed[0] | 1;
    sorted->head = node_open(memory, SORTED_LEVELS);
    return sorted->head != NULL;
}

void sorted_close(struct sorted *sorted) {
    struct memory *memory = sorted->names.memory;
    for (struct sorted_node *node = sorted->head, *next; node; node = next) {
        next = node->links[0].next;
        memory_free(memory, node, node_bytes(node->levels));
    }
    dict_close(&sorted->names);
}

static uint32_t levels_by_chance(struct sorted *sorted) {
    uint32_t levels = 1;
    sorted->chance ^= sorted->chance << 13;
    sorted->chance ^= sorted->chance >> 7;
    sorted->chance ^= sorted->chance << 17;
    for (uint64_t bits = sorted->chance; (bits & 3) == 0 && levels < SORTED_LEVELS; bits >>= 2)
        levels++;
    return levels;
}

static int compare(uint64_t score, const char *name, size_t bytes, const struct sorted_node *node) {
    int order = real_compare(score, node->score);
    if (order)
        return order;
    size_t other = node->entry->key_bytes, common = bytes < other ? bytes : other;
    order = memcmp(name, node->entry->bytes, common);
    return order ? order : (bytes > other) - (bytes < other);
}

// For each level the last node before (score, name), and its rank (the head has 0).
static void path_to(const struct sorted *sorted, uint64_t score, const char *name, size_t bytes,
                    struct sorted_node *path[SORTED_LEVELS], size_t rank[SORTED_LEVELS]) {
    struct sorted_node *node = sorted->head;
    size_t passed = 0;
    for (int level = (int)sorted->levels - 1; level >= 0; level--) {
        while (node->links[level].next && compare(score, name, bytes, node->links[level].next) > 0) {
            passed += node->links[level].span;
            node = node->links[level].next;
        }
        path[level] = node;
        rank[level] = passed;
    }
}

static void insert(struct sorted *sorted, struct sorted_node *node) {
    struct sorted_node *path[SORTED_LEVELS];
    size_t rank[SORTED_LEVELS], count = dict_count(&sorted->names) - 1;
    sorted->levels = node->levels > sorted->levels ? node->levels : sorted->levels;
    path_to(sorted, node->score, node->entry->bytes, node->entry->key_bytes, path, rank);
    for (uint32_t level = 0; level < sorted->levels; level++) {
        struct sorted_link *link = &path[level]->links[level];
        if (level >= node->levels) {
            link->span += link->next != NULL;
            continue;
        }
        size_t before = rank[0] - rank[level];
        size_t span = link->next ? link->span : count - rank[level];
        node->links[level] = (struct sorted_link){link->next, link->next ? span - before : 0};
        *link = (struct sorted_link){node, before + 1};
    }
    node->previous = path[0] == sorted->head ? NULL : path[0];
    if (node->links[0].next)
        node->links[0].next->previous = node;
    else
        sorted->tail = node;
}

static void unlink_node(struct sorted *sorted, struct sorted_node *node) {
    struct sorted_node *path[SORTED_LEVELS];
    size_t rank[SORTED_LEVELS];
    path_to(sorted, node->score, node->entry->bytes, node->entry->key_bytes, path, rank);
    for (uint32_t level = 0; level < sorted->levels; level++) {
        struct sorted_link *link = &path[level]->links[level];
        if (link->next == node) {
            link->span += node->links[level].span;
            link->span -= 1;
            link->next = node->links[level].next;
            if (!link->next)
                link->span = 0;
        } else if (link->next) {
            link->span--;
        }
    }
    if (node->links[0].next)
        node->links[0].next->previous = node->previous;
    else
        sorted->tail = node->previous;
}

bool sorted_set(struct sorted *sorted, const char *name, size_t bytes, uint64_t score) {
    struct dict_slot slot = dict_find(&sorted->names, name, bytes);
    struct dict_entry *entry = dict_entry(slot);
    if (entry) {
        struct sorted_node *node = entry->node;
        if (real_compare(node->score, score) != 0) {
            unlink_node(sorted, node);
            node->score = score;
            insert(sorted, node);
        }
        return true;
    }
    uint32_t levels = levels_by_chance(sorted);
    struct sorted_node *node = node_open(sorted->names.memory, levels);
    if (!node)
        return false;
    entry = dict_put(&sorted->names, slot, name, bytes, NULL, 0);
    if (!entry) {
        memory_free(sorted->names.memory, node, node_bytes(levels));
        return false;
    }
    entry->node = node;
    node->entry = entry;
    node->score = score;
    insert(sorted, node);
    return true;
}

bool sorted_remove(struct sorted *sorted, const char *name, size_t bytes) {
    struct dict_slot slot = dict_find(&sorted->names, name, bytes);
    struct dict_entry *entry = dict_entry(slot);
    if (!entry)
        return false;
    struct sorted_node *node = entry->node;
    unlink_node(sorted, node);
    memory_free(sorted->names.memory, node, node_bytes(node->levels));
    dict_remove(&sorted->names, slot);
    return true;
}

struct sorted_node *sorted_at(const struct sorted *sorted, size_t rank) {
    struct sorted_node *node = sorted->head;
    size_t left = rank + 1;
    for (int level = (int)sorted->levels - 1; level >= 0 && left; level--)
        while (node->links[level].next && node->links[level].span <= left) {
            left -= node->links[level].span;
            node = node->links[level].next;
        }
    return left ? NULL : node;
}

size_t sorted_rank(const struct sorted *sorted, const struct sorted_node *node) {
    struct sorted_node *path[SORTED_LEVELS];
    size_t rank[SORTED_LEVELS];
    path_to(sorted, node->score, node->entry->bytes, node->entry->key_bytes, path, rank);
    return rank[0];
}
