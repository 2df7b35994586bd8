// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// template.h - the smallest complete component: counts the bytes that it is given.
//
// Interface: template_add, template_total. Serial: one caller at a time, in every placement.
// It does not keep the bytes.
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor at boot and after every restart. generation counts the starts, from 0; persist_valid is 1 when
// the component's .persist data is that of the generation before. Returns 0, or a negative error: then it stays down.
GATE(template) int template_init(uint32_t generation, int persist_valid);

// Counts the bytes of text other than blanks. Returns how many these were; -EINVAL for more than 4096 bytes.
// Does not block.
GATE(template) int template_add(lend_in(bytes) const char *text, size_t bytes);

// Writes the sum of all additions since the last start to total. Returns 0.
GATE(template) int template_total(lend_out(sizeof(uint64_t)) uint64_t *total);

#endif
