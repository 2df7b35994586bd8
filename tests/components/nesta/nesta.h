// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nesta.h - has nestb die with threads inside it, through it and on the way back, and checks what each of them gets
// (tests/groups/group_unwind.py). Prints "ok NAME", or "not ok NAME got G wanted W", and "UNWIND end failed=N".
#ifndef NESTA_H
#define NESTA_H

#include <stdint.h>
#include "gate.h"

// From nestb_descend(): calls it again, one level deeper. Returns 0; what it got is noted.
GATE(nesta) int nesta_descend(uint32_t depth, uint32_t crashes);

THREAD(nesta, 10) int nesta_main(void);
THREAD(nesta, 10) int nesta_worker_0(void);
THREAD(nesta, 10) int nesta_worker_1(void);
THREAD(nesta, 10) int nesta_worker_2(void);
THREAD(nesta, 10) int nesta_worker_3(void);
THREAD(nesta, 10) int nesta_worker_4(void);
THREAD(nesta, 10) int nesta_worker_5(void);
THREAD(nesta, 10) int nesta_worker_6(void);
THREAD(nesta, 10) int nesta_worker_7(void);

#endif
