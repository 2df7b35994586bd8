// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// discipline.c - see discipline.h.
#include "discipline.h"

static int64_t clamp(int64_t value, int64_t limit) { return value > limit ? limit : value < -limit ? -limit : value; }

void discipline_start(struct discipline *discipline, uint64_t multiplier) {
    *discipline = (struct discipline){.nominal = multiplier};
}

uint64_t discipline_step(struct discipline *discipline, uint64_t tsc, uint64_t reference_ns, uint64_t clock_ns) {
    uint32_t oldest = discipline->taken < DISCIPLINE_SAMPLES ? 0 : discipline->taken % DISCIPLINE_SAMPLES;
    struct discipline_sample from = discipline->samples[oldest];
    uint64_t rate = discipline->nominal;
    if (discipline->taken > 0 && tsc > from.tsc && reference_ns > from.reference_ns)
        rate = (uint64_t)(((unsigned __int128)(reference_ns - from.reference_ns) << 32) / (tsc - from.tsc));
    discipline->samples[discipline->taken++ % DISCIPLINE_SAMPLES] = (struct discipline_sample){tsc, reference_ns};
    discipline->error_ns = (int64_t)(clock_ns - reference_ns);

    // A clock that is ahead must run slower: by the fraction error / horizon.
    int64_t limit = (int64_t)(discipline->nominal / 1000000 * DISCIPLINE_LIMIT_PPM);
    int64_t slew = (int64_t)(-(__int128)discipline->error_ns * (int64_t)discipline->nominal / DISCIPLINE_HORIZON_NS);
    int64_t drift = clamp((int64_t)(rate - discipline->nominal), limit);
    return discipline->nominal + (uint64_t)clamp(drift + clamp(slew, limit), limit);
}
