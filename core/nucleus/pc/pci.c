// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// pci.c - the virtio devices on PCI: where their registers are (Virtual I/O Device specification 1.2, section 4.1.4).
//
// Configuration space is reached through its two ports, which are ring 0's. Firmware has placed the registers; nothing
// is moved or switched on here (that is pci_enable.c's); but every device is silenced. Buses behind bridges are looked
// at in the order in which firmware numbered them.
#include "machine.h"
#include "pc.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLED 0x80000000u
#define VENDOR_VIRTIO 0x1af4
#define DEVICE_VIRTIO_MODERN 0x1040 // + device type
#define DEVICE_VIRTIO_LAST 0x107f
#define CONFIG_CLASS 0x0b
#define CLASS_BRIDGE 6
#define CONFIG_HEADER 0x0c
#define CONFIG_BAR 0x10
#define CONFIG_BUSES 0x18
#define CONFIG_SUBSYSTEM 0x2c
#define CONFIG_CAPABILITIES 0x34
#define HEADER_BRIDGE 1
#define HEADER_FUNCTIONS 0x80
#define CAPABILITY_VENDOR 9
#define CAPABILITY_MSIX 17
#define CAPABILITY_MAX 48         // as many fit into configuration space: a list that goes in circles ends
enum virtio_capability { VIRTIO_COMMON = 1, VIRTIO_NOTIFY, VIRTIO_ISR, VIRTIO_CONFIG };

uint32_t config_read(uint32_t function, uint32_t offset) {
    port_write_32(ADDRESS_PORT, ADDRESS_ENABLED | function << 8 | (offset & 0xfc));
    return port_read_32(DATA_PORT) >> offset % 4 * 8;
}

void config_write(uint32_t function, uint32_t offset, uint32_t value) {
    port_write_32(ADDRESS_PORT, ADDRESS_ENABLED | function << 8 | offset);
    port_write_32(DATA_PORT, value);
}

uint64_t bar_address(uint32_t function, uint32_t bar) {
    uint32_t low = config_read(function, CONFIG_BAR + 4 * bar);
    if ((low & 1) != 0 || bar > 5) return 0; // ports
    uint64_t high = (low & 6) == 4 ? config_read(function, CONFIG_BAR + 4 * bar + 4) : 0;
    return high << 32 | (low & ~15u);
}

static void virtio_read(uint32_t function, uint32_t type) {
    struct machine_device device = {
        .transport = TRANSPORT_PCI, .type = type, .version = 2, .pci = (uint16_t)function };
    uint32_t at = config_read(function, CONFIG_CAPABILITIES) & 0xfc;
    for (int i = 0; at != 0 && i < CAPABILITY_MAX; i++, at = config_read(function, at + 1) & 0xfc) {
        uint32_t head = config_read(function, at);
        if ((head & 0xff) == CAPABILITY_MSIX) device.msix = (uint8_t)at;
        if ((head & 0xff) != CAPABILITY_VENDOR) continue;
        uint64_t base = bar_address(function, config_read(function, at + 4) & 0xff);
        uint64_t address = base != 0 ? base + config_read(function, at + 8) : 0;
        uint32_t bytes = config_read(function, at + 12);
        switch (head >> 24) {
        case VIRTIO_COMMON: device.common.address = address, device.common.bytes = bytes; break;
        case VIRTIO_NOTIFY:
            device.notify.address = address, device.notify.bytes = bytes;
            device.notify_multiplier = config_read(function, at + 16);
            break;
        case VIRTIO_ISR: device.isr.address = address, device.isr.bytes = bytes; break;
        case VIRTIO_CONFIG: device.config.address = address, device.config.bytes = bytes; break;
        }
    }
    if (device.common.address != 0 && device.notify.address != 0) virtio_found(&device);
}

static void function_look(uint32_t function, uint32_t identity, uint8_t *last_bus) {
    if ((config_read(function, CONFIG_HEADER + 2) & 0x7f) == HEADER_BRIDGE) {
        uint32_t below = config_read(function, CONFIG_BUSES + 2) & 0xff; // the highest bus behind it
        if (below > *last_bus) *last_bus = (uint8_t)below;
    }
    if ((config_read(function, CONFIG_CLASS) & 0xff) != CLASS_BRIDGE) pci_silence(function);
    uint32_t device = identity >> 16;
    if ((identity & 0xffff) != VENDOR_VIRTIO || device > DEVICE_VIRTIO_LAST) return;
    // A transitional device tells its type in the subsystem.
    bool is_modern = device >= DEVICE_VIRTIO_MODERN;
    virtio_read(function, is_modern ? device - DEVICE_VIRTIO_MODERN : config_read(function, CONFIG_SUBSYSTEM + 2));
}

void pci_find(void) {
    port_write_32(ADDRESS_PORT, ADDRESS_ENABLED);
    if (port_read_32(ADDRESS_PORT) != ADDRESS_ENABLED) return; // no PCI: microvm, Firecracker
    uint8_t last_bus = 0;
    for (uint32_t slot = 0; slot >> 5 <= last_bus; slot++) {
        uint32_t functions = 1;
        for (uint32_t i = 0; i < functions; i++) {
            uint32_t function = slot << 3 | i, identity = config_read(function, 0);
            if ((identity & 0xffff) == 0xffff) continue;
            if (i == 0 && (config_read(function, CONFIG_HEADER + 2) & HEADER_FUNCTIONS) != 0) functions = 8;
            function_look(function, identity, &last_bus);
        }
    }
}
