// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// acpi.c - the few facts that we need from ACPI's tables; offsets are those of the ACPI specification 6.5, chapter 5.
//
// Runs on boot.S's identity map. Firmware is trusted; a table that does not lie below 4 GiB counts as missing. There is
// no AML interpreter: what only AML says (the value of soft off, virtio-MMIO devices, QEMU's event device) is found by
// its bytes.
#include "boot_info.h"
#include "machine.h"
#include "pc.h"

#define SCAN_START 0xe0000        // where a BIOS puts the root pointer (and Firecracker, which does not pass it on)
#define SCAN_END 0x100000
#define HEADER_BYTES 36
#define IOAPIC_DEFAULT 0xfec00000
#define FLAG_RESET (1u << 10)
#define POLARITY_LOW 3            // MADT flags, bits 0 and 1; trigger in bits 2 and 3
#define TRIGGER_LEVEL (3 << 2)
#define AML_PACKAGE 0x12
#define AML_BYTE 0x0a

struct machine machine;

static uint32_t read_32(const uint8_t *at) { return *(const uint32_t *)at; }
static uint64_t read_64(const uint8_t *at) { return *(const uint64_t *)at; }
static uint16_t read_16(const uint8_t *at) { return *(const uint16_t *)at; }

static bool is_text(const uint8_t *at, const char *text) {
    for (; *text != 0; at++, text++)
        if (*at != (uint8_t)*text) return false;
    return true;
}

static const uint8_t *table_at(uint64_t address) {
    bool is_ours = address != 0 && address < PHYSICAL_LIMIT - HEADER_BYTES;
    if (!is_ours || address + read_32((const uint8_t *)address + 4) > PHYSICAL_LIMIT) return NULL;
    return (const uint8_t *)address;
}

static uint32_t table_bytes(const uint8_t *table) { return read_32(table + 4); }

// Generic address: space (0 memory, 1 ports), width, offset, access, address.
static struct machine_register register_at(const uint8_t *at) {
    return (struct machine_register){ at[0] <= 1 ? read_64(at + 4) : 0, at[0] == 1 };
}

// What stands in a device's description behind its name at from: Memory32Fixed, a region of memory, Interrupt. Ends
// with the latter.
static bool device_read(const uint8_t *from, const uint8_t *end, uint32_t bytes, uint32_t *address, uint32_t *room,
                        uint32_t *line) {
    *address = *room = *line = 0;
    for (const uint8_t *at = from; at + 16 < end && at < from + bytes; at++) {
        if (at[0] == 0x86 && read_16(at + 1) == 9) *address = read_32(at + 4), *room = read_32(at + 8);
        if (at[0] == 0x5b && at[1] == 0x80 && at[6] == 0 && at[7] == 0x0c) *address = read_32(at + 8);
        if (at[0] == 0x89 && read_16(at + 1) == 6 && at[4] == 1) *line = read_32(at + 5);
        if (*address != 0 && *line != 0) return true;
    }
    return false;
}

static void dsdt_read(const uint8_t *table) {
    const uint8_t *end = table + table_bytes(table);
    uint32_t address, room, line;
    for (const uint8_t *at = table + HEADER_BYTES; at + 9 <= end; at++) {
        if (is_text(at, "_S5_") && at[4] == AML_PACKAGE) machine.sleep_type = at[7] == AML_BYTE ? at[8] : at[7];
        if (is_text(at, "LNRO0005") && device_read(at, end, 96, &address, &room, &line))
            virtio_candidate(address, room, line);
        if (is_text(at, "ACPI0013") && device_read(at, end, 128, &address, &room, &line)) {
            machine.event = (struct machine_register){ address, false };
            machine.event_line = line;
        }
    }
}

static void fadt_read(const uint8_t *table) {
    uint32_t bytes = table_bytes(table);
    machine.power_line = machine.isa_lines[read_16(table + 46) % MACHINE_ISA_LINES];
    machine.acpi_command = read_32(table + 48);
    machine.acpi_enable = table[52];
    machine.pm_event = read_32(table + 56);
    machine.pm_control = read_32(table + 64);
    machine.pm_timer = read_32(table + 76);
    machine.pm_event_bytes = table[88];
    machine.century = table[108];
    if (bytes >= 129 && (read_32(table + 112) & FLAG_RESET) != 0) {
        machine.reset = register_at(table + 116);
        machine.reset_value = table[128];
    }
    if (bytes >= 256) machine.sleep = register_at(table + 244);
    uint64_t wide = bytes >= 148 ? read_64(table + 140) : 0;
    const uint8_t *dsdt = table_at(wide != 0 ? wide : read_32(table + 40));
    if (dsdt != NULL) dsdt_read(dsdt);
}

static void madt_read(const uint8_t *table) {
    const uint8_t *end = table + table_bytes(table);
    machine.ioapic_count = 0;
    for (const uint8_t *at = table + 44; at + 2 <= end && at[1] >= 2; at += at[1]) {
        if (at[0] == 1 && machine.ioapic_count < MACHINE_IOAPIC_MAX)
            machine.ioapics[machine.ioapic_count++] = (struct machine_ioapic){ read_32(at + 4), read_32(at + 8) };
        if (at[0] == 2 && at[3] < MACHINE_ISA_LINES)
            machine.isa_lines[at[3]] = (struct machine_line){ read_32(at + 4), (at[8] & TRIGGER_LEVEL) == TRIGGER_LEVEL,
                                                               (at[8] & POLARITY_LOW) == POLARITY_LOW };
    }
}

static uint64_t root_find(void) {
    if (boot_info.rsdp != 0 && boot_info.rsdp < PHYSICAL_LIMIT) return boot_info.rsdp;
    for (uint64_t at = SCAN_START; at < SCAN_END; at += 16)
        if (is_text((const uint8_t *)at, "RSD PTR ")) return at;
    return 0;
}

static const uint8_t *table_find(const uint8_t *root, const char *name) {
    bool is_wide = root[15] >= 2 && table_at(read_64(root + 24)) != NULL;
    const uint8_t *list = table_at(is_wide ? read_64(root + 24) : read_32(root + 16));
    for (uint32_t at = HEADER_BYTES; list != NULL && at + 4 <= table_bytes(list); at += is_wide ? 8 : 4) {
        const uint8_t *table = table_at(is_wide ? read_64(list + at) : read_32(list + at));
        if (table != NULL && is_text(table, name)) return table;
    }
    return NULL;
}

void machine_read(void) {
    machine.ioapics[0].address = IOAPIC_DEFAULT;
    machine.ioapic_count = 1;
    for (uint32_t i = 0; i < MACHINE_ISA_LINES; i++) machine.isa_lines[i].line = i;
    const uint8_t *root = (const uint8_t *)root_find();
    const uint8_t *madt = root != NULL ? table_find(root, "APIC") : NULL;
    const uint8_t *fadt = root != NULL ? table_find(root, "FACP") : NULL;
    if (madt != NULL) madt_read(madt);
    if (fadt != NULL) fadt_read(fadt);
}
