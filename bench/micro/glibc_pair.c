// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// glibc_pair.c - what malloc and free of 512 bytes cost in an ordinary Linux program: the yardstick of heap_pair.
//
// The same batches, rounds and output line as bench/components/bench; not interleaved with it, since it is another process.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 50
#define WARM_UP_ROUNDS 20
#define ROUNDS 501
#define BYTES 512

static int by_value(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t cycles_now(void) {
    uint32_t cpu;
    return __builtin_ia32_rdtscp(&cpu);
}

int main(void) {
    static uint64_t sample[ROUNDS];
    for (int round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
        uint64_t start = cycles_now();
        for (int i = 0; i < BATCH; i++) {
            void *volatile object = malloc(BYTES); // volatile: the compiler may not remove the pair
            free(object);
        }
        uint64_t end = cycles_now();
        if (round >= WARM_UP_ROUNDS)
            sample[round - WARM_UP_ROUNDS] = (end - start) * 100 / BATCH;
    }
    qsort(sample, ROUNDS, sizeof(*sample), by_value);
    printf("BENCH glibc_pair cycles %.2f %.2f %.2f %.2f %d\n", sample[ROUNDS / 2] / 100.0, sample[0] / 100.0,
           sample[ROUNDS * 99 / 100] / 100.0, sample[ROUNDS - 1] / 100.0, ROUNDS);
    return 0;
}
