// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// probe.c - CONFIG_TEST_PROBE: makes the domain that links it touch an address, as a hostile or broken one would.
//
// Every domain of a test image exports it to the monitor, which calls it for the boot argument probe=DOMAIN:ADDRESS:r|w.
#include <stdint.h>

int domain_probe(uintptr_t address, uint32_t write);

int domain_probe(uintptr_t address, uint32_t write) {
    volatile uint8_t *byte = (volatile uint8_t *)address;
    uint8_t value = 0;
    if (!write) value = *byte;
    if (write) *byte = value;
    return 0;
}
