// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// victim.h - a component that is there to be ended, with 4 MiB of data that a restart resets.
#ifndef VICTIM_H
#define VICTIM_H

#include "gate.h"

// Returns how often it was called since its domain started: 1 tells that its data was reset. Does not block.
GATE(victim) int victim_count(void);

#endif
