// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_rng.h - the driver of a virtio entropy device, as DEVICE_ENTROPY.
//
// What it offers is the interface in drivers/entropy/entropy.h.
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Called by the monitor: asks RDRAND and the device, waits for the device's first answer for a tenth of a second at most,
// and logs which of them the first words will come from. Returns 0, also when there is neither (entropy_word() says so),
// or -ENOMEM when the shared heap is exhausted.
GATE(virtio_rng) int virtio_rng_init(uint32_t generation, int persist_valid);

#endif
