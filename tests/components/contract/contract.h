// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contract.h - checks, through real gates and in one domain alike, what the public headers promise.
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdint.h>
#include "gate.h"

// Called back by the peer: see contractpeer.h and contractdeep.h.
GATE(contract) int contract_call_back(void);
GATE(contract) int contract_free_lent(void);
GATE(contract) int contract_descend(uint32_t depth);

// All checks, one console line each: "ok NAME" or "not ok NAME got ... wanted ..."; then "CONTRACT end failed=N".
// Returns whether any failed.
THREAD(contract, 10) int contract_run(void);
// Waits for an event at a higher priority and counts.
THREAD(contract, 12) int contract_waiter(void);
// Spins or holds the peer's lock when told, at the same priority.
THREAD(contract, 10) int contract_equal(void);

#endif
