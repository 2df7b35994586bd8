// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_transport.h - one virtio device's registers, whichever bus they are on (Virtual I/O Device specification 1.2,
// 4.1, 4.2).
//
// Order of use: virtio_start, virtio_interrupt_open, virtio_queue_open for each queue, virtio_finish; then virtio_kick.
// Only the modern interface. Ring 0 alone sees these registers: a queue's address decides where the device writes
// (attack A28).
#ifndef NUCLEUS_PC_VIRTIO_TRANSPORT_H
#define NUCLEUS_PC_VIRTIO_TRANSPORT_H

#include "machine.h"
#include "virtio_ring.h"

#define VIRTIO_QUEUES 2

struct virtio {
    const struct machine_device *place;
    volatile uint8_t *registers;      // PCI: the common configuration. MMIO: all
    uint64_t features;                // negotiated
    uint32_t vector;                  // PCI: MSI-X entry 0 sends it; 0: none
    volatile void *notify[VIRTIO_QUEUES]; // of each open queue
};

// The first modern device of this type, reset, and with those of the wanted features that it offers (always VERSION_1,
// never INDIRECT_DESC). The reset is over when the device says so: until then it may write what it was told of. One
// that runs can be started again; its interrupt stays open. False: there is none, it refuses, or does not answer.
bool virtio_start(struct virtio *virtio, uint32_t type, uint64_t wanted);
// handler runs in ring 0 when the device has used buffers. False: no vector; the device must be polled.
bool virtio_interrupt_open(struct virtio *virtio, void (*handler)(void));
void virtio_acknowledge(struct virtio *virtio); // in the handler
uint8_t virtio_config(struct virtio *virtio, uint32_t offset);
// Gives queue its three areas (physical addresses). False: the device has no such queue, or not that large a one.
bool virtio_queue_open(struct virtio *virtio, uint32_t queue, uint32_t entries, uintptr_t table, uintptr_t available,
                       uintptr_t used);
void virtio_finish(struct virtio *virtio);      // the device goes to work
void virtio_stop(struct virtio *virtio);        // it writes nothing any more; PCI: also when it does not answer
bool virtio_has_failed(struct virtio *virtio);  // it met what it could not make sense of, and works no more
void virtio_kick(struct virtio *virtio, uint32_t queue);

#endif
