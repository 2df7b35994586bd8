// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// system.h - the system as a whole: how to end it.
//
// Interface:
//   system_stop     the end, or a new start
//
// Invariant: what uses a function of this header has an edge to it in audit.json; nobody else can call it.
#ifndef CORE_SYSTEM_H
#define CORE_SYSTEM_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

enum system_stop { SYSTEM_SHUTDOWN, SYSTEM_REBOOT };

// The exit status that asks whoever started the system to start the same image again (sysexits.h: EX_TEMPFAIL). 0 is a shutdown.
#define SYSTEM_STATUS_REBOOT 75

// Ends the system at once: no thread runs any further, no component is told, nothing is saved. SYSTEM_SHUTDOWN ends it with exit
// status 0; SYSTEM_REBOOT with SYSTEM_STATUS_REBOOT, upon which scripts/run.py starts it again (by itself it does not).
// Returns only -EINVAL, for another how.
GATE(monitor) int system_stop(uint32_t how);

#endif
