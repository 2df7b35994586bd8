// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gifts.h - large replies that wait in objects of the exchange heap, private to kv: net gets the objects, so nothing is
// copied again.
//
// Invariant: bytes is the sum over the list; every gift has some.
#ifndef KV_GIFTS_H
#define KV_GIFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Below, copies cost less than the crossing and the life of an object: docs/speed.md.
#define GIFT_BYTES_MIN 16384

struct gift {
    struct gift *next;
    char *object;
    uint32_t bytes, room;
};

struct gifts {
    struct gift *first, *last;
    size_t bytes;
};

struct gift_part { const void *data; size_t bytes; };

// Adds count parts, one behind the other, behind what waits or before it. False when more than limit bytes would wait,
// or a heap is exhausted; then nothing changed.
bool gifts_add(struct gifts *gifts, bool before, const struct gift_part *parts, size_t count, size_t limit);
// Takes the first, of which there must be one, off the list: its object is the caller's.
char *gifts_take(struct gifts *gifts, uint32_t *bytes);
// Frees all.
void gifts_clear(struct gifts *gifts);

#endif
