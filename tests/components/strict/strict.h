// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strict.h - what the strict mode of the shared heap must keep working, and what it must forbid (boot argument try=N).
#ifndef STRICT_H
#define STRICT_H

#include "gate.h"

// try=0: lends and gives in every form; prints "strict: right" or what is wrong. Others: one touch each, announced by
// "strict: touching 0xADDRESS" and followed, if the system still runs, by "strict: touched".
THREAD(strict, 10) int strict_main(void);
// Touches what strict_main has lent, while the borrower holds it.
THREAD(strict, 10) int strict_other(void);

#endif
