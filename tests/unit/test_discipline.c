// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_discipline.c - the clock's control loop, in a simulation: a TSC that is off, and a reference that does not care.
#include "discipline.h"
#include "fake.h"

#define TSC_PER_SECOND 2500000000ull

// Runs seconds of simulation with a true rate that is ppm off the nominal one; returns the error at the end.
static int64_t simulate(int ppm, int64_t start_error_ns, int seconds, int64_t *largest_ns) {
    struct discipline discipline;
    uint64_t nominal = (1000000000ull << 32) / TSC_PER_SECOND, multiplier = nominal;
    uint64_t tsc = 1000, reference_ns = 5000000, clock_ns = reference_ns + (uint64_t)start_error_ns;
    discipline_start(&discipline, nominal);
    *largest_ns = 0;
    for (int second = 0; second < seconds; second++) {
        uint64_t before = multiplier;
        multiplier = discipline_step(&discipline, tsc, reference_ns, clock_ns);
        assert_true(multiplier > nominal - nominal / 1000 && multiplier < nominal + nominal / 1000);
        (void)before;
        tsc += TSC_PER_SECOND;
        reference_ns += (uint64_t)(1000000000ll + ppm * 1000ll);
        clock_ns += (uint64_t)(((unsigned __int128)TSC_PER_SECOND * multiplier) >> 32);
        int64_t error = (int64_t)(clock_ns - reference_ns), magnitude = error < 0 ? -error : error;
        if (second > 60 && magnitude > *largest_ns)
            *largest_ns = magnitude;
    }
    return (int64_t)(clock_ns - reference_ns);
}

static void settles(void **state) {
    (void)state;
    static const int rates[] = {0, 1, -1, 50, -50, 200, -200};
    for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
        for (int64_t start = -100000; start <= 100000; start += 50000) {
            int64_t largest;
            int64_t error = simulate(rates[i], start, 300, &largest);
            assert_in_range((uint64_t)(error + 1000), 0, 2000);
            assert_in_range((uint64_t)largest, 0, 20000);
        }
}

static void keeps_its_limit(void **state) {
    (void)state;
    int64_t largest;
    simulate(5000, 0, 100, &largest);            // far beyond what may be corrected: asserted inside
    simulate(-5000, 1000000000000, 100, &largest);
    simulate(0, -1000000000000, 100, &largest);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(settles), cmocka_unit_test(keeps_its_limit)};
    return cmocka_run_group_tests_name("discipline", tests, NULL, NULL);
}
