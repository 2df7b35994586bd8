// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot_info.h - what a boot protocol hands over, in one form: boot arguments, memory, the firmware's tables.
//
// boot_info_read() copies all of it, since what it is made from lies in memory that frames.c will hand out.
#ifndef NUCLEUS_PC_BOOT_INFO_H
#define NUCLEUS_PC_BOOT_INFO_H

#include <stdint.h>
#include "public.h"

#define BOOT_MEMORY_MAX 64        // ranges of memory; firmware reports a dozen or two

struct boot_memory { uint64_t start, end; };

struct boot_info {
    char arguments[BOOT_ARGUMENTS_BYTES];
    struct boot_memory memory[BOOT_MEMORY_MAX]; // usable RAM, in the firmware's order
    uint32_t memory_count;
    uint64_t rsdp;                // address of ACPI's root pointer; 0: it did not say
};

extern struct boot_info boot_info;

// Fills boot_info; ends the machine with a sentence when handed and magic are of no known protocol.
void boot_info_read(uint64_t handed, uint32_t magic);

#endif
