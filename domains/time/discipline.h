// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// discipline.h - how fast must the clock run to meet its reference? Pure arithmetic, private to `time`.
//
// Each sample gives the reference and the clock at one TSC value. The rate comes from the oldest and the newest of the last
// DISCIPLINE_SAMPLES samples; the error is worked off over DISCIPLINE_HORIZON_NS.
// Invariant: the answer stays within DISCIPLINE_LIMIT_PPM of the multiplier at start, half of what the monitor refuses.
#ifndef TIME_DISCIPLINE_H
#define TIME_DISCIPLINE_H

#include <stdint.h>

#define DISCIPLINE_SAMPLES 16
#define DISCIPLINE_HORIZON_NS 8000000000
#define DISCIPLINE_LIMIT_PPM 500

struct discipline_sample {
    uint64_t tsc, reference_ns;
};

struct discipline {
    uint64_t nominal;           // the multiplier at start
    uint32_t taken;             // samples so far
    int64_t error_ns;           // clock minus reference at the newest sample
    struct discipline_sample samples[DISCIPLINE_SAMPLES]; // ring, index taken % DISCIPLINE_SAMPLES
};

void discipline_start(struct discipline *discipline, uint64_t multiplier);

// Takes a sample; returns the multiplier that the clock should have from now on.
uint64_t discipline_step(struct discipline *discipline, uint64_t tsc, uint64_t reference_ns, uint64_t clock_ns);

#endif
