// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictthird.h - a third domain beside strict and strictpeer.
#ifndef STRICTTHIRD_H
#define STRICTTHIRD_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "gate.h"

// Adds 1 to each byte; bytes.
GATE(strictthird) int strictthird_add(lend_inout(bytes) uint8_t *object, size_t bytes);
// -EPERM.
GATE(strictthird) int strictthird_refuse(lend_in(bytes) const uint8_t *object, size_t bytes);
// Writes a byte at address.
GATE(strictthird) int strictthird_touch(uintptr_t address);

#endif
