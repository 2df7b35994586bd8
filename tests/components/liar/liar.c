// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// liar.c - a broken scheduler: every answer is wrong in another way. The monitor must fall back and say so once.
#include "errors.h"
#include "public.h"
#include "sched.h"

int sched_init(uint32_t generation, int persist_valid) {
    (void)generation, (void)persist_valid;
    return 0;
}

int sched_pick(int current) {
    static uint32_t turn;
    static const int nonsense[] = {-EAGAIN, -1, THREAD_MAX, INT32_MAX, INT32_MIN, 0}; // thread 0 ended at boot
    (void)current;
    return nonsense[turn++ % (sizeof nonsense / sizeof *nonsense)];
}
