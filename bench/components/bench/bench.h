// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// bench.h - measures what a crossing costs, from inside the image.
//
// Interface: two threads, which the monitor starts. bench_run measures, prints and returns (0: done, 1: a call failed);
// bench_partner is what bench_run switches to and back in the row context_switch.
// Output, one line per row: BENCH <name> cycles <median> <min> <p99> <max> <samples>, TSC cycles per operation with two
// decimals; then BENCH tsc_khz <rate of the TSC>, and BENCH end.
// It does not judge: bench/micro/micro.py computes ratios and prints the table.
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include "gate.h"

GATE(bench) int bench_init(uint32_t generation, int persist_valid);

THREAD(bench, 10) int bench_run(void);
THREAD(bench, 10) int bench_partner(void);

#endif
