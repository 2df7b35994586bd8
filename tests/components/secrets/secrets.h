// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// secrets.h - a caller of the interface entropy; tests/groups/group_entropy.py has the expectations.
#ifndef SECRETS_H
#define SECRETS_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

GATE(secrets) int secrets_init(uint32_t generation, int persist_valid);

// Draws words, if need be after a wait of as many milliseconds as the boot argument wait says, and logs what a stranger
// could notice. With the boot argument read=1 it reads the driver's window instead. Returns 0 or the source's error.
THREAD(secrets, 10) int secrets_main(void);

#endif
