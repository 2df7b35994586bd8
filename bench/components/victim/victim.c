// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// victim.c - see victim.h.
#include "victim.h"

static volatile int count;
volatile char victim_ballast[4 << 20];

int victim_count(void) {
    victim_ballast[(unsigned)count % sizeof(victim_ballast)]++;
    return ++count;
}
