// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_transport.c - the interface is in virtio_transport.h. PCI: the common configuration and MSI-X; MMIO: one page
// of registers.
//
// What a hostile device could do here: nothing that it cannot do anyway; it is as trusted as the bus. Every wait ends.
#include "pc.h"
#include "virtio_transport.h"

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED 128
#define SPINS_MAX 1000000
#define REASONS_MAX 8             // a device that always has one is none
#define NO_VECTOR 0xffff

enum pci_register {               // offsets in bytes
    PCI_DEVICE_FEATURES_SELECT = 0, PCI_DEVICE_FEATURES = 4, PCI_DRIVER_FEATURES_SELECT = 8, PCI_DRIVER_FEATURES = 12,
    PCI_STATUS = 20, PCI_QUEUE_SELECT = 22, PCI_QUEUE_SIZE = 24, PCI_QUEUE_VECTOR = 26, PCI_QUEUE_ENABLE = 28,
    PCI_QUEUE_NOTIFY = 30, PCI_QUEUE_TABLE = 32, PCI_QUEUE_AVAILABLE = 40, PCI_QUEUE_USED = 48 };
enum mmio_register {
    MMIO_DEVICE_FEATURES = 0x10, MMIO_DEVICE_FEATURES_SELECT = 0x14, MMIO_DRIVER_FEATURES = 0x20,
    MMIO_DRIVER_FEATURES_SELECT = 0x24, MMIO_QUEUE_SELECT = 0x30, MMIO_QUEUE_MOST = 0x34, MMIO_QUEUE_SIZE = 0x38,
    MMIO_QUEUE_READY = 0x44, MMIO_NOTIFY = 0x50, MMIO_INTERRUPT = 0x60, MMIO_ACKNOWLEDGE = 0x64, MMIO_STATUS = 0x70,
    MMIO_QUEUE_TABLE = 0x80, MMIO_QUEUE_AVAILABLE = 0x90, MMIO_QUEUE_USED = 0xa0, MMIO_CONFIG = 0x100 };

static bool is_pci(const struct virtio *virtio) { return virtio->place->transport == TRANSPORT_PCI; }

static volatile uint16_t *at_16(struct virtio *virtio, uint32_t offset) {
    return (volatile uint16_t *)(virtio->registers + offset);
}

static volatile uint32_t *at_32(struct virtio *virtio, uint32_t offset) {
    return (volatile uint32_t *)(virtio->registers + offset);
}

static uint32_t status_read(struct virtio *virtio) {
    return is_pci(virtio) ? virtio->registers[PCI_STATUS] : *at_32(virtio, MMIO_STATUS);
}

static void status_write(struct virtio *virtio, uint32_t value) {
    if (is_pci(virtio)) virtio->registers[PCI_STATUS] = (uint8_t)value;
    else *at_32(virtio, MMIO_STATUS) = value;
}

static bool reset(struct virtio *virtio) {
    status_write(virtio, 0);
    for (int i = 0; i < SPINS_MAX; i++)
        if (status_read(virtio) == 0) return true;
    return false;
}

static uint64_t features_offered(struct virtio *virtio) {
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        *at_32(virtio, is_pci(virtio) ? PCI_DEVICE_FEATURES_SELECT : MMIO_DEVICE_FEATURES_SELECT) = half;
        offered |= (uint64_t)*at_32(virtio, is_pci(virtio) ? PCI_DEVICE_FEATURES : MMIO_DEVICE_FEATURES) << 32 * half;
    }
    return offered;
}

static void features_accept(struct virtio *virtio) {
    for (uint32_t half = 0; half < 2; half++) {
        *at_32(virtio, is_pci(virtio) ? PCI_DRIVER_FEATURES_SELECT : MMIO_DRIVER_FEATURES_SELECT) = half;
        uint32_t features = (uint32_t)(virtio->features >> 32 * half);
        *at_32(virtio, is_pci(virtio) ? PCI_DRIVER_FEATURES : MMIO_DRIVER_FEATURES) = features;
    }
}

static const struct machine_device *find(uint32_t type) {
    for (uint32_t i = 0; i < machine.device_count; i++)
        if (machine.devices[i].type == type && machine.devices[i].version == 2) return &machine.devices[i];
    return NULL;
}

bool virtio_start(struct virtio *virtio, uint32_t type, uint64_t wanted) {
    virtio->place = find(type);
    if (virtio->place == NULL) return false;
    virtio->registers = mmio_map(virtio->place->common.address);
    if (is_pci(virtio)) pci_enable(virtio->place->pci);
    if (virtio->registers == NULL || !reset(virtio)) return false;
    status_write(virtio, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    virtio->features = features_offered(virtio) & (wanted | VIRTIO_VERSION_1);
    features_accept(virtio);
    status_write(virtio, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    if ((virtio->features & VIRTIO_VERSION_1) != 0 && (status_read(virtio) & STATUS_FEATURES_OK) != 0) return true;
    status_write(virtio, STATUS_FAILED);
    return false;
}

// MMIO lines are taken as edges: the handler's acknowledgement lowers a level line, so that its next rise is one, and
// what comes in between the driver finds in its ring, at which it looks after the event. A reset changes neither the
// line nor the MSI-X table.
bool virtio_interrupt_open(struct virtio *virtio, void (*handler)(void)) {
    if (!is_pci(virtio)) return line_open(virtio->place->line, false, false, handler) == 0;
    uint64_t address;
    int vector = virtio->place->msix != 0 ? message_open(handler, &address) : -EINVAL;
    if (vector < 0) return false;
    virtio->vector = (uint32_t)vector;
    return pci_message_enable(virtio->place, address, virtio->vector);
}

void virtio_acknowledge(struct virtio *virtio) {
    uint32_t reasons;             // all of them, or the line stays up and never rises again
    for (int i = 0; !is_pci(virtio) && i < REASONS_MAX && (reasons = *at_32(virtio, MMIO_INTERRUPT)) != 0; i++)
        *at_32(virtio, MMIO_ACKNOWLEDGE) = reasons;
}

uint8_t virtio_config(struct virtio *virtio, uint32_t offset) {
    if (!is_pci(virtio)) return virtio->registers[MMIO_CONFIG + offset];
    if (offset >= virtio->place->config.bytes) return 0;
    const volatile uint8_t *byte = mmio_map(virtio->place->config.address + offset);
    return byte != NULL ? *byte : 0;
}

static void address_write(struct virtio *virtio, uint32_t offset, uintptr_t address) {
    *at_32(virtio, offset) = (uint32_t)address;
    *at_32(virtio, offset + 4) = (uint32_t)(address >> 32);
}

bool virtio_queue_open(struct virtio *virtio, uint32_t queue, uint32_t entries, uintptr_t table, uintptr_t available,
                       uintptr_t used) {
    if (!is_pci(virtio)) {
        *at_32(virtio, MMIO_QUEUE_SELECT) = queue;
        if (*at_32(virtio, MMIO_QUEUE_MOST) < entries) return false;
        *at_32(virtio, MMIO_QUEUE_SIZE) = entries;
        address_write(virtio, MMIO_QUEUE_TABLE, table);
        address_write(virtio, MMIO_QUEUE_AVAILABLE, available);
        address_write(virtio, MMIO_QUEUE_USED, used);
        *at_32(virtio, MMIO_QUEUE_READY) = 1;
        virtio->notify[queue] = virtio->registers + MMIO_NOTIFY;
        return true;
    }
    *at_16(virtio, PCI_QUEUE_SELECT) = (uint16_t)queue;
    if (*at_16(virtio, PCI_QUEUE_SIZE) < entries) return false;
    *at_16(virtio, PCI_QUEUE_SIZE) = (uint16_t)entries;
    *at_16(virtio, PCI_QUEUE_VECTOR) = virtio->vector != 0 ? 0 : NO_VECTOR; // MSI-X entry 0
    address_write(virtio, PCI_QUEUE_TABLE, table);
    address_write(virtio, PCI_QUEUE_AVAILABLE, available);
    address_write(virtio, PCI_QUEUE_USED, used);
    virtio->notify[queue] = mmio_map(virtio->place->notify.address +
                                     (uint64_t)*at_16(virtio, PCI_QUEUE_NOTIFY) * virtio->place->notify_multiplier);
    if (virtio->notify[queue] == NULL) return false;
    *at_16(virtio, PCI_QUEUE_ENABLE) = 1;
    return true;
}

void virtio_finish(struct virtio *virtio) {
    status_write(virtio, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void virtio_stop(struct virtio *virtio) {
    if (!reset(virtio) && is_pci(virtio)) pci_silence(virtio->place->pci);
}

bool virtio_has_failed(struct virtio *virtio) { return (status_read(virtio) & STATUS_NEEDS_RESET) != 0; }

void virtio_kick(struct virtio *virtio, uint32_t queue) {
    if (is_pci(virtio)) *(volatile uint16_t *)virtio->notify[queue] = (uint16_t)queue;
    else *(volatile uint32_t *)virtio->notify[queue] = queue;
}
