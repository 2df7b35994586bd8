// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// bench.c - interleaved rounds: every round takes one sample of every row, so that a change of the machine's speed
// (frequency, neighbours) hits all rows alike and their ratios stay true.
#include "bench.h"
#include "log.h"
#include "rows.h"
#include "thread.h"

#define ROWS_MAX 16
#define WARM_UP_ROUNDS 20
#define ROUNDS 501

static uint64_t samples[ROWS_MAX][ROUNDS]; // hundredths of a cycle per operation
volatile uint32_t partner_wanted;

int bench_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return row_count <= ROWS_MAX ? 0 : -EINVAL;
}

static void sort(uint64_t *value, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        uint64_t moving = value[i];
        uint32_t j = i;
        for (; j && value[j - 1] > moving; j--)
            value[j] = value[j - 1];
        value[j] = moving;
    }
}

static void print_row(const char *name, uint64_t *value) {
    sort(value, ROUNDS);
    uint64_t median = value[ROUNDS / 2], least = value[0], p99 = value[ROUNDS * 99 / 100], most = value[ROUNDS - 1];
    log_line("BENCH %s cycles %lu.%02lu %lu.%02lu %lu.%02lu %lu.%02lu %d", name, median / 100, median % 100,
             least / 100, least % 100, p99 / 100, p99 % 100, most / 100, most % 100, ROUNDS);
}

int bench_run(void) {
    for (uint32_t round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++)
        for (uint32_t i = 0; i < row_count; i++) {
            int64_t cycles = rows[i].batch();
            if (cycles < 0) {
                log_line("BENCH failed %s round %u", rows[i].name, round);
                return 1;
            }
            if (round >= WARM_UP_ROUNDS)
                samples[i][round - WARM_UP_ROUNDS] = (uint64_t)cycles * 100 / rows[i].operations;
        }
    for (uint32_t i = 0; i < row_count; i++)
        print_row(rows[i].name, samples[i]);
    log_line("BENCH tsc_khz %lu", public_area.clock.tsc_khz);
    log_line("BENCH end");
    return 0;
}

int bench_partner(void) {
    for (;;) {
        uint32_t seen = event_count(PARTNER_EVENT);
        while (partner_wanted)
            if (thread_yield() < 0)
                return 1;
        int ended = event_wait(PARTNER_EVENT, seen, DEADLINE_NEVER);
        if (ended < 0)
            return 1;
    }
}
