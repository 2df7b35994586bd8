// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// pci_enable.c - switches on what a PCI device needs to work: decoding, bus mastering, and one MSI-X message.
//
// Only for a device that ring 0 uses or that the build gave to a driver: all others may not write memory nor interrupt,
// whatever firmware left running. The MSI-X table stays ring 0's: an entry is an address to which the device writes
// (attack A28).
#include "machine.h"
#include "pc.h"

#define CONFIG_COMMAND 0x04
#define COMMAND_MEMORY 2
#define COMMAND_MASTER 4
#define COMMAND_NO_LINE 0x400     // INTx
#define MSIX_ENABLED (1u << 31)   // in the first word of the capability
#define MSIX_MASKED (1u << 30)    // the whole function

static void command_change(uint32_t function, uint32_t off, uint32_t on) {
    uint32_t command = config_read(function, CONFIG_COMMAND) & 0xffff; // the upper half, status, is cleared by ones
    config_write(function, CONFIG_COMMAND, (command & ~off) | on);
}

void pci_silence(uint32_t function) { command_change(function, COMMAND_MASTER, COMMAND_NO_LINE); }

void pci_enable(uint32_t function) { command_change(function, 0, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE); }

bool pci_message_enable(const struct machine_device *device, uint64_t address, uint32_t vector) {
    uint32_t where = config_read(device->pci, device->msix + 4u);
    uint64_t base = bar_address(device->pci, where & 7);
    volatile uint32_t *entry = base != 0 ? mmio_map(base + (where & ~7u)) : NULL;
    if (entry == NULL) return false;
    entry[0] = (uint32_t)address;
    entry[1] = (uint32_t)(address >> 32);
    entry[2] = vector;
    entry[3] = 0;                     // not masked
    config_write(device->pci, device->msix, (config_read(device->pci, device->msix) & ~MSIX_MASKED) | MSIX_ENABLED);
    return true;
}
