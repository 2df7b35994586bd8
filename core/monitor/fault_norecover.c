// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fault_norecover.c - without recovery: a fault is told, and the system stops.
#include "faults.h"
#include "healing.h"

void fault_handle(void) {
    struct fault_record *record = faults_add(&monitor_fault_record, BOOT_GENERATION);
    record->outcome = FAULT_STOPS;
    faults_say(record);
    monitor_stop(1);
}
