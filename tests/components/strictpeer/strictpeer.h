// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictpeer.h - the other side of strict: borrows, receives and gives.
#ifndef STRICTPEER_H
#define STRICTPEER_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "gate.h"

#define STRICT_EVENT 60          // nobody else's: devices and components have the low numbers

// Adds 1 to each byte; bytes.
GATE(strictpeer) int strictpeer_add(lend_inout(bytes) uint8_t *object, size_t bytes);
// The same, and lends it to strictthird, which does so too.
GATE(strictpeer) int strictpeer_relay(lend_inout(bytes) uint8_t *object, size_t bytes);
// Lends it to strictthird, which refuses; -EIO.
GATE(strictpeer) int strictpeer_fail(lend_in(bytes) const uint8_t *object, size_t bytes);
GATE(strictpeer) int strictpeer_copy(lend_in(from_bytes) const uint8_t *from, size_t from_bytes,
                                     lend_out(to_bytes) uint8_t *to, size_t to_bytes);
// Signals STRICT_EVENT and sleeps a little, with the object in hand.
BLOCKS GATE(strictpeer) int strictpeer_hold(lend_inout(bytes) uint8_t *object, size_t bytes);
// Keeps the object until _drop, which frees it.
GATE(strictpeer) int strictpeer_keep(give void *object);
GATE(strictpeer) int strictpeer_drop(void);
// Passes count objects, each filled with its number.
GATE_GIVES(strictpeer) int strictpeer_make(uint32_t count);
// The byte at address, as the peer sees it.
GATE(strictpeer) int strictpeer_sum(uintptr_t address);
// Writes a byte at address.
GATE(strictpeer) int strictpeer_touch(uintptr_t address);
// With the object in hand, has strictthird write a byte at address.
GATE(strictpeer) int strictpeer_tell_third(lend_in(bytes) const uint8_t *object, size_t bytes, uintptr_t address);
// What xheap_check says here of the first byte at address, as for an argument that was lent.
GATE(strictpeer) int strictpeer_check(uintptr_t address);
// The address of an object that the peer owns.
GATE(strictpeer) int64_t strictpeer_object(void);

#endif
