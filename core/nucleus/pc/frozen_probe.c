// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frozen_probe.c - the same without the defence: with TEST_PROBE the driver can write its descriptor table, so that a
// test sees the escape.
#include "pc.h"

const bool table_is_frozen = false;
