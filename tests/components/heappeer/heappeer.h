// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heappeer.h - a domain that uses the shared heap as it should, beside misuser.
#ifndef HEAPPEER_H
#define HEAPPEER_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Writes the address of an object of its own to *address, the same at each call: 512 bytes of HEAPPEER_PATTERN.
#define HEAPPEER_PATTERN 0x5a
#define HEAPPEER_BYTES 512
GATE(heappeer) int heappeer_object(lend_out(8) uint64_t *address);
// How many of its bytes are not the pattern any more.
GATE(heappeer) int heappeer_changed(void);

// The first byte.
GATE(heappeer) int heappeer_read(lend_in(bytes) const void *text, size_t bytes);
// While bytes are lent: calls misuser_with_lent(), and returns what that returned.
GATE(heappeer) int heappeer_call_back(lend_in(bytes) const void *text, size_t bytes);

// Keeps the object. Returns how many it keeps; -ENOMEM when it has no place for one more, and frees it.
GATE(heappeer) int heappeer_keep(give void *object);
// Frees what it keeps. Returns how many that were; the first error of xheap_free().
GATE(heappeer) int heappeer_drop(void);

// Allocates and frees turns times, in each size, several at once. Returns how often that failed.
GATE(heappeer) int heappeer_work(uint32_t turns);

// The same for ever, a turn at a time, with pauses; how many turns there were, and how many failed.
GATE(heappeer) int heappeer_turns(void);
GATE(heappeer) int heappeer_failures(void);
THREAD(heappeer, 10) int heappeer_serve(void);

#endif
