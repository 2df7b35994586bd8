// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// machine.h - what this machine consists of, found once at the start: interrupt controllers, power, virtio devices.
//
// Interface: machine_read() fills it from ACPI and the boot arguments, on boot.S's identity map; machine_find() asks
// the buses, once paging.c's tables are in use. docs/pc.md says how a driver is to get at a device from here.
// Invariant: nothing in here changes after machine_find(); what firmware did not say has the value that a PC has
// without it.
#ifndef NUCLEUS_PC_MACHINE_H
#define NUCLEUS_PC_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_IOAPIC_MAX 4
#define MACHINE_ISA_LINES 16
#define MACHINE_DEVICE_MAX 16
#define MACHINE_CANDIDATE_MAX 32

struct machine_line { uint32_t line; bool is_level, is_low_active; };
struct machine_ioapic { uint64_t address; uint32_t first_line; };
// A register that ACPI names: a port, or a physical address. address 0: there is none.
struct machine_register { uint64_t address; bool is_port; };

enum machine_transport { TRANSPORT_MMIO, TRANSPORT_PCI };
struct machine_device {           // one virtio device
    uint32_t transport;           // enum machine_transport
    uint32_t type;                // virtio's device type: 1 network, 2 block, 4 entropy
    uint32_t line;                // MMIO: its interrupt line. PCI: use MSI-X
    uint32_t version;             // MMIO: 1 legacy, 2 modern. PCI: 2 (legacy-only devices are not listed)
    uint16_t pci;                 // PCI: bus << 8 | device << 3 | function, as configuration cycles want it
    uint8_t msix;                 // PCI: offset of its MSI-X capability in configuration space, 0: none
    uint32_t notify_multiplier;   // PCI: bytes between the notification registers of two queues
    struct { uint64_t address; uint32_t bytes; } common, notify, isr, config; // physical. MMIO: all of it in common
};

struct machine {
    struct machine_ioapic ioapics[MACHINE_IOAPIC_MAX];
    uint32_t ioapic_count;
    struct machine_line isa_lines[MACHINE_ISA_LINES];
    struct machine_line power_line;       // ACPI's own interrupt
    uint32_t pm_timer;                    // ports of ACPI's fixed hardware; 0: not there
    uint32_t pm_event, pm_event_bytes, pm_control, acpi_command;
    uint8_t acpi_enable;                  // what to write to acpi_command
    uint8_t sleep_type;                   // of state S5 (soft off)
    uint8_t reset_value;
    uint8_t century;                      // CMOS register, 0: none
    struct machine_register reset, sleep, event; // sleep and event: only hardware-reduced ACPI (microvm)
    uint32_t event_line;
    struct machine_device devices[MACHINE_DEVICE_MAX];
    uint32_t device_count;
};

extern struct machine machine;

void machine_read(void);
void machine_find(void);

// acpi.c -> virtio.c, pci.c: where a virtio-MMIO device might be, and a device that is there.
void virtio_candidate(uint64_t address, uint32_t bytes, uint32_t line);
void virtio_found(const struct machine_device *device);
void virtio_mmio_find(void);
void pci_find(void);
uint32_t config_read(uint32_t function, uint32_t offset);   // pci.c
void config_write(uint32_t function, uint32_t offset, uint32_t value); // four bytes at a multiple of four
uint64_t bar_address(uint32_t function, uint32_t bar);      // 0: it is in ports
// pci_enable.c: the function may not write memory any more, nor interrupt.
void pci_silence(uint32_t function);
// The function may decode its registers, and write memory; its MSI-X entry 0 sends vector to address (false:
// the table is out of reach).
void pci_enable(uint32_t function);
bool pci_message_enable(const struct machine_device *device, uint64_t address, uint32_t vector);
// The next value of key in the boot arguments. after: the last one found, NULL for the first. NULL at the end.
const char *boot_value(const char *key, const char *after);

#endif
