// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// switch.h - what a thread switch does beside swapping the anchors; a file per backend.
#ifndef HOST_SWITCH_H
#define HOST_SWITCH_H
#include <stdint.h>
// Makes thread start in monitor_thread_start, on the stack whose base anchor is base.
void switch_prepare(uint32_t thread, uint64_t base);
// Leaves previous, goes on as next. mpk: nothing, the anchors decide. none: the callee-saved registers and RSP.
void switch_stacks(uint32_t previous, uint32_t next);
#endif
