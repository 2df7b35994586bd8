// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// start_info.h - what PVH boot hands over; names and layout after Xen's public header, start_info version 1.
#ifndef NUCLEUS_PC_START_INFO_H
#define NUCLEUS_PC_START_INFO_H

#include <stdint.h>

#define HVM_START_MAGIC 0x336ec578
#define HVM_MEMORY_RAM 1

struct hvm_start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, acpi_rsdp;
    uint64_t memory_map;          // from version 1
    uint32_t memory_map_entries, reserved;
};
struct hvm_memory {
    uint64_t address, bytes;
    uint32_t type, reserved;
};

#endif
