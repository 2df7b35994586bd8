// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictforge.h - a domain that was taken over: calls the strict mode's half in the monitor as no stub would.
#ifndef STRICTFORGE_H
#define STRICTFORGE_H

#include "gate.h"

// Prints "forge: all refused", or what was not.
THREAD(strictforge, 10) int strictforge_main(void);
// Attacks a loan of strictforge_main from a second thread, while the borrower holds it.
THREAD(strictforge, 10) int strictforge_other(void);

#endif
