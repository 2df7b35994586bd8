// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rows.h - the measured operations: each runs one batch and says how many TSC cycles it took.
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdint.h>

#define BATCH 50 // operations per sample: the two clock reads (about 60 cycles) are about one cycle per operation

struct row {
    const char *name;
    int64_t (*batch)(void);  // cycles for operations operations; negative: a call failed
    uint32_t operations;
};

extern const struct row rows[];
extern const uint32_t row_count;

// Serializing enough: rdtscp waits for everything before it; what follows starts after it in order of retirement.
static inline uint64_t cycles_now(void) {
    uint32_t cpu;
    return __builtin_ia32_rdtscp(&cpu);
}

extern volatile uint32_t partner_wanted; // bench_partner yields as long as it is set
#define PARTNER_EVENT 0                  // the console's: nobody else signals it while there is no input

// floor.S of core/gates (only with CONFIG_BENCH_FLOOR): the least that a switch of rights and back can cost.
// Their results mean nothing.
int gate_floor(void);  // xor, mov, wrpkru; call an empty function; xor, mov, wrpkru; ret
int gate_wrpkru(void); // xor, mov, wrpkru; ret

#endif
