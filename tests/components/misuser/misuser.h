// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// misuser.h - a domain that was taken over, or is merely wrong, and the shared heap; tests/groups/group_misuse.py has
// the expectations.
#ifndef MISUSER_H
#define MISUSER_H

#include "gate.h"
#include "errors.h"

// What heappeer calls while it holds a loan of the attempt's object: the attempt's second half.
GATE(misuser) int misuser_with_lent(void);

// Makes the attempt that the boot argument try names, and prints what it saw. Returns 0.
THREAD(misuser, 10) int misuser_main(void);

#endif
