// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// system.c - the end of the system, asked for from inside (core/include/system.h). From outside: threads.c, upcall.c.
#include "monitor.h"
#include "system.h"

int system_stop(uint32_t how) {
    if (how != SYSTEM_SHUTDOWN && how != SYSTEM_REBOOT) return -EINVAL;
    monitor_stop(how == SYSTEM_REBOOT ? SYSTEM_STATUS_REBOOT : 0);
}
