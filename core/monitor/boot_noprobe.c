// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot_noprobe.c - production: no domain can be told to misbehave.
#include "monitor.h"
void monitor_probe(void) {}
