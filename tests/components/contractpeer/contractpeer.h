// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contractpeer.h - a serial component in another domain: what contract calls to see promises kept or broken.
#ifndef CONTRACTPEER_H
#define CONTRACTPEER_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

// The domain that this component lives in.
GATE(contractpeer) int contractpeer_domain(void);

// Spins for duration_ns with the component's lock held. Returns how often another thread was inside at the same time.
GATE(contractpeer) int contractpeer_hold(uint64_t duration_ns);

// Calls contract_call_back(), which calls contractpeer_domain(); returns what that returned.
GATE(contractpeer) int contractpeer_reenter(void);

// While bytes are lent: calls contract_free_lent(), which tries to free them; returns what that returned.
GATE(contractpeer) int contractpeer_free_while_lent(lend_in(bytes) const void *object, size_t bytes);

// The sum of bytes bytes; -EFAULT when they lie in the shared heap and not in a private copy.
GATE(contractpeer) int contractpeer_sum_copy(copy_in(bytes) const uint8_t *text, size_t bytes);

// Adds 1 to each of bytes bytes.
GATE(contractpeer) int contractpeer_increment(lend_inout(bytes) uint8_t *text, size_t bytes);

// Writes the address of an object that the peer owns (the same one at each call) to *address.
GATE(contractpeer) int contractpeer_object(lend_out(8) uint64_t *address);

// Takes the object and frees it; the error of xheap_free().
GATE(contractpeer) int contractpeer_eat(give void *object);

// Tries to pass count objects; returns the number that xheap_pass() accepted.
GATE_GIVES(contractpeer) int contractpeer_make(uint32_t count);

#endif
