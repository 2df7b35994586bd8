// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// privileged.h - on platform pc: instructions that only ring 0 may execute, one per boot (boot argument try=<number>).
#ifndef PRIVILEGED_H
#define PRIVILEGED_H

#include "gate.h"

// Ends in a fault. Prints "privileged: ESCAPE" and returns 1 when it did not.
THREAD(privileged, 10) int privileged_run(void);

#endif
