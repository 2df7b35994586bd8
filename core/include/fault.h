// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fault.h - what the nucleus tells the monitor about a fault, and what the monitor tells people.
//
// The nucleus fills the first part from the trap; the monitor names domain, function, owner and gate from its tables.
// The registers of a domain never leave the monitor.
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include <stdint.h>

enum fault_kind {
    FAULT_READ, FAULT_WRITE, FAULT_EXECUTE,  // address valid
    FAULT_ILLEGAL,    // #UD, the gates' die included
    FAULT_PROTECTION, // #GP: non-canonical address, privileged instruction
    FAULT_DIVIDE, FAULT_ALIGNMENT, FAULT_TRAP, // #DE, #AC, #DB or #BP
    FAULT_SYSCALL,    // host: a system call from outside the nucleus
    FAULT_LOOP,       // the watchdog, or the budget of the scheduler
    FAULT_DEADLINE,   // a caller's: it did not return in time (recovery.h: call_deadline)
    FAULT_ANSWER,     // the scheduler's answer cannot be, or starves a thread
    FAULT_INIT,       // its init returned an error after a restart
    FAULT_COLLATERAL, // it was entered by a thread that had to be ended
};

struct fault {
    uint32_t kind;        // enum fault_kind
    uint32_t domain;      // whose rights were live
    uint32_t thread;
    uint32_t pkey_fault;  // 1: refused by a protection key, 0: by the page tables
    uint32_t pkru;
    uint32_t pad;
    uint64_t address;     // data address; 0 where the kind has none
    uint64_t rip, rsp, rbp;
    uint64_t tsc;         // when the nucleus heard of it
    uint64_t anchor[14];  // SLOT_SP of every domain id for this thread at the fault
};

#endif
