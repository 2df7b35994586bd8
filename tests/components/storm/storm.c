// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// storm.c - see storm.h.
#include "storm.h"
#include "boot.h"
#include "errors.h"
#include "log.h"
#include "public.h"
#include "stormcallee.h"

#define CALLS 10000000

int storm_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int storm_run(void) {
    uint64_t calls = boot_number("calls", CALLS), errors = 0, first_switches = public_area.switches;
    for (uint64_t i = 0; i < calls; i++) {
        int result = stormcallee_check(i, i + 1, i + 2, i + 3, i + 4, i + 5);
        if (result != (int)((i * 7 + 1) & INT32_MAX) || !rights_are_own())
            if (!errors++)
                log_line("STORM first wrong call: %lu, result %d", i, result);
    }
    uint64_t turns = 0;
    int peer = stormcallee_errors(&turns);
    errors += peer < 0 ? 1 : (uint64_t)peer;
    log_line("STORM calls=%lu switches=%lu turns=%lu errors=%lu", calls, public_area.switches - first_switches, turns,
             errors);
    return errors != 0;
}
