// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hungry.h - has eater use up memory, as much as the boot argument eat says, in bytes.
#ifndef HUNGRY_H
#define HUNGRY_H

#include "gate.h"

// Prints "hungry: 0" with eater's result. Returns 0.
THREAD(hungry, 10) int hungry_run(void);

#endif
