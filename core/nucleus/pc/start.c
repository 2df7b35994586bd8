// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// start.c - from boot.S to the monitor's UPCALL_BOOT.
//
// struct hvm_start_info is the boot protocol's (Xen's public/arch-x86/hvm/start_info.h, version 1). It and the command
// line lie in low memory, so both are read before paging_start() takes low memory away.
#include "pc.h"
#include "start_info.h"

void nucleus_main(const struct hvm_start_info *info);

void nucleus_main(const struct hvm_start_info *info) {
    static char arguments[BOOT_ARGUMENTS_BYTES];
    console_start();
    if (info->magic != HVM_START_MAGIC) die_with("this image boots by PVH only");
    const char *line = (const char *)info->command_line;
    for (size_t i = 0; line != NULL && i < sizeof(arguments) - 1 && line[i] != 0; i++) arguments[i] = line[i];

    cpu_start();
    paging_start(info);           // here low memory disappears
    cpu_protect();
    const uint64_t seed[2] = { cpu_entropy(), cpu_entropy() };
    random_seed(seed);
    tokens_draw();

    struct public *public = public_writable();
    for (size_t i = 0; i < sizeof(arguments); i++) public->boot_arguments[i] = arguments[i];
    for (size_t i = 0; i < 4; i++) public->boot_random[i] = random_word();
    clock_start();
    threads_start();
    tick_start();
    thread_upcall(UPCALL_BOOT, 0);
}
