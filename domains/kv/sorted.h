// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// sorted.h - a sorted set, private to kv: members by name (dict) and by score and name (skip list). Pure.
//
// Interface: sorted_open, sorted_close, sorted_set, sorted_remove, sorted_at, sorted_rank
//
// The skip list counts what each link passes over, so that ranks cost as little as searches (Pugh 1990; Redis' t_zset.c).
// Invariant: every entry of names has one node, and its name lives in the entry only.
#ifndef KV_SORTED_H
#define KV_SORTED_H

#include "dict.h"

#define SORTED_LEVELS 24        // a quarter goes one level up: enough for 4^24 members

struct sorted_link {
    struct sorted_node *next;
    size_t span;                // members from here to next
};

struct sorted_node {
    struct dict_entry *entry;   // NULL in the head
    struct sorted_node *previous; // NULL in the first
    uint64_t score;             // real.h
    uint32_t levels, pad;
    struct sorted_link links[];
};

struct sorted {
    struct dict names;
    struct sorted_node *head, *tail; // tail NULL: empty
    uint64_t chance;
    uint32_t levels;            // of the highest node so far: nothing is linked above
};

// False: memory exhausted.
bool sorted_open(struct sorted *sorted, struct memory *memory, const uint64_t seed[2]);
void sorted_close(struct sorted *sorted);

// Gives name the score, new or not. False: memory exhausted, nothing changed.
bool sorted_set(struct sorted *sorted, const char *name, size_t bytes, uint64_t score);
bool sorted_remove(struct sorted *sorted, const char *name, size_t bytes);
// The member with that rank from the lowest (0) on, NULL beyond.
struct sorted_node *sorted_at(const struct sorted *sorted, size_t rank);
size_t sorted_rank(const struct sorted *sorted, const struct sorted_node *node);

#endif
