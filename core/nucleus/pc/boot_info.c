// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot_info.c - see boot_info.h. Names and layouts after the protocols' own documents: Multiboot2 specification 2.0,
// and Xen's public/arch-x86/hvm/start_info.h, version 1.
//
// Runs on boot.S's identity map. The loader is trusted, but a table that does not fit is cut, not followed.
#include "boot_info.h"
#include "pc.h"

#define MULTIBOOT_HANDED 0x36d76289u
#define MEMORY_RAM 1              // both protocols' word for usable memory

enum multiboot_tag { TAG_END, TAG_ARGUMENTS, TAG_MEMORY = 6, TAG_ACPI_1 = 14, TAG_ACPI_2 = 15 };
struct multiboot_tag_head { uint32_t type, bytes; };
struct multiboot_memory { uint64_t address, bytes; uint32_t type, reserved; };

#define PVH_MAGIC 0x336ec578
struct pvh_start {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp;
    uint64_t memory_map;          // from version 1
    uint32_t memory_map_entries, reserved;
};
struct pvh_memory { uint64_t address, bytes; uint32_t type, reserved; };

struct boot_info boot_info;

static void arguments_copy(const char *line) {
    size_t i = 0;
    for (; line[i] != 0; i++) {
        if (i == sizeof(boot_info.arguments) - 1)
            die_with("the boot arguments are longer than 2047 bytes; shorten them");
        boot_info.arguments[i] = line[i];
    }
}

static void memory_add(uint64_t address, uint64_t bytes, uint32_t type) {
    if (type != MEMORY_RAM || boot_info.memory_count == BOOT_MEMORY_MAX || address + bytes < address) return;
    boot_info.memory[boot_info.memory_count++] = (struct boot_memory){ address, address + bytes };
}

static void multiboot_read(uint64_t handed) {
    uint64_t end = handed + *(const uint32_t *)handed;
    const struct multiboot_tag_head *tag;
    for (uint64_t at = handed + 8; at + sizeof(*tag) <= end; at += (tag->bytes + 7u) & ~7ull) {
        tag = (const struct multiboot_tag_head *)at;
        uint64_t data = at + sizeof(*tag);
        if (tag->type == TAG_END || tag->bytes < sizeof(*tag) || tag->bytes > end - at) return;
        if (tag->type == TAG_ARGUMENTS) arguments_copy((const char *)data);
        if (tag->type == TAG_ACPI_2 || (tag->type == TAG_ACPI_1 && boot_info.rsdp == 0)) boot_info.rsdp = data;
        uint32_t entry_bytes = *(const uint32_t *)data;
        for (uint64_t entry = data + 8; tag->type == TAG_MEMORY && entry_bytes >= sizeof(struct multiboot_memory) &&
             entry + entry_bytes <= at + tag->bytes; entry += entry_bytes) {
            const struct multiboot_memory *memory = (const struct multiboot_memory *)entry;
            memory_add(memory->address, memory->bytes, memory->type);
        }
    }
}

static void pvh_read(const struct pvh_start *start) {
    const struct pvh_memory *map = (const struct pvh_memory *)start->memory_map;
    if (start->command_line != 0) arguments_copy((const char *)start->command_line);
    boot_info.rsdp = start->rsdp;
    for (uint32_t i = 0; start->version >= 1 && i < start->memory_map_entries; i++)
        memory_add(map[i].address, map[i].bytes, map[i].type);
}

void boot_info_read(uint64_t handed, uint32_t magic) {
    const struct pvh_start *start = (const struct pvh_start *)handed;
    if (start->magic == PVH_MAGIC) pvh_read(start);
    else if (magic == MULTIBOOT_HANDED) multiboot_read(handed);
    else die_with("started by neither PVH nor multiboot2; see docs/pc.md for the ways to boot");
}
