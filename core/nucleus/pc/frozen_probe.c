// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frozen_probe.c - the same without the defences: with TEST_PROBE the driver can write its descriptor table, and a dead
// driver's device goes on with what it was told, so that tests see the escapes.
#include "pc.h"

const bool table_is_frozen = false, device_is_reset = false;
