// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ping.c - see ping.h.
#include "ping.h"
#include "boot.h"
#include "log.h"
#include "pong.h"

#define CALLS 1000

int ping_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

int ping_main(void) {
    int wrong = 0;
    for (int i = 0; i < CALLS; i++) wrong += pong_add(i, 2 * i) != 3 * i;
    log_line("ping: %d calls, %d wrong", CALLS, wrong);
    if (boot_number("probe", 0) != 0) {
        *(volatile int *)pong_private_address() = 0; // faults here: the page carries pong's key
        log_line("ping: ESCAPE");
        wrong++;
    }
    return wrong != 0;
}
