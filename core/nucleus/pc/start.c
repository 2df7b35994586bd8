// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// start.c - from boot.S to the monitor's UPCALL_BOOT. The order matters: what the loader and the firmware left in
// memory is read before paging_start() hands that memory out.
#include "boot_info.h"
#include "machine.h"
#include "pc.h"

void nucleus_main(uint64_t handed, uint32_t magic, uint64_t entered_tsc);

void nucleus_main(uint64_t handed, uint32_t magic, uint64_t entered_tsc) {
    console_start();
    boot_info_read(handed, magic);
    machine_read();
    cpu_start();
    paging_start();               // here low memory disappears
    cpu_protect();
    clock_start(entered_tsc);
    machine_find();
    uint64_t seed[ENTROPY_WORDS];
    entropy_read(seed);
    for (size_t i = 0; i < ENTROPY_WORDS; i++) seed[i] ^= cpu_entropy();
    random_seed(seed);
    tokens_draw();

    struct public *public = public_writable();
    for (size_t i = 0; i < sizeof(boot_info.arguments); i++) public->boot_arguments[i] = boot_info.arguments[i];
    for (size_t i = 0; i < 4; i++) public->boot_random[i] = random_word();
    apic_start();
    net_start();
    entropy_start();
    power_start();
    console_open_input();
    threads_start();
    tick_start();
    thread_upcall(UPCALL_BOOT, 0);
}
